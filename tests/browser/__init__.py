"""What real browsers present at a login, beside what `tokenmgr login` says that they will."""
