package server

// RefuseAddress is refuseAddress: no test dials the addresses that it refuses.
var RefuseAddress = refuseAddress

// Member is member, for fuzzing.
var Member = member
