// Package redisquota shows how programs share limits through Redis with go-redis. Its tests run the store against real
// servers: one, and a cluster of three. The bridge and its settings are those of the other Redis stores, in
// examples/redisstores.
package redisquota
