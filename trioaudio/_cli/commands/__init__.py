"""The commands, a module each: ``add`` gives it its options and its help, and what it does is imported when it is done.

A new command is a module here and a line in `_cli.app.COMMANDS`. Options that several commands have stand in `_calls` and
`_settings`.
"""
