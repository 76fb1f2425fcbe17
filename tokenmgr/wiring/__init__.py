"""The PC side put together, for the command line and the window alike: settings, libraries, media, stores, the counter.
Whoever sits there is a `Person`; nothing here knows a terminal or a screen."""
