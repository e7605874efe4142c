"""What the user looks at in one run, without any widget: position, selection, scope, filter, search and follow."""
