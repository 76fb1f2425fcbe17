"""お知らせ by mail: what is due is planned into an outbox, written, and handed to a mail server (R3)."""
