// Package servers starts real servers for tests: Redis, and a Redis Cluster of three.
//
//	server := servers.Redis(t)
//	client := redis.NewClient(&redis.Options{Addr: server.Addr})
//
// Each runs on a free port of 127.0.0.1, with a folder and settings of its own, and ends with the test, also when the
// test panics or is killed (on Linux; elsewhere a killed test may leave its servers behind). Nothing is kept on disk
// unless a test asks for it.
//
// A test can stop a server and start it again on the same port ([Server.Stop], [Server.Start]), and have it hang
// ([Server.Pause], [Server.Resume]).
//
// Where a program is missing the test is skipped, with a reason that names the Debian package; with the environment
// variable CI set to "true" it fails instead.
package servers
