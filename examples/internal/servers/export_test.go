package servers

// Lookup is lookup.
var Lookup = lookup
