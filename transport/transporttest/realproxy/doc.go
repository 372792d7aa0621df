// Package realproxy starts real proxy servers for tests: the programs that
// stand between people and the internet, not imitations of them.
//
//	test ─► client ─► squid · tinyproxy      (http://,   basic auth)   ─► the test's
//	               └► danted · microsocks    (socks5://, user name)    ─► own server
//
// Each function (Squid, Dante, Tinyproxy, Microsocks) starts one program of
// Debian 12 and returns when it accepts connections. Every program has
//
//   - a free port of 127.0.0.1, and accepts connections nowhere else;
//   - a temporary folder with a configuration of its own; the system's is never
//     changed: no account, no service, no file below /etc;
//   - a process group of its own, which is killed and waited for when the test
//     ends, and which the kernel kills (Linux) if the test's process dies
//     without a clean-up;
//   - no more rights than it needs: in a test that runs as root, the programs
//     run as Debian's user "proxy" (or "nobody").
//
// A program that is not installed skips the test and prints the name of the
// package to install; with the environment variable CI set to "true" it fails
// the test, so that no CI run passes by testing nothing. All four come with
//
//	apt-get install --no-install-recommends squid dante-server tinyproxy microsocks
//
// What differs between the programs, as a client sees it:
//
//	            wrong password             no password given   what Log shows, and when
//	squid       407                        407                 each request, when it ends: a CONNECT when its tunnel is closed
//	tinyproxy   401                        407                 each request, when it begins
//	danted      refused, then closed       no method accepted  each tunnel, when it begins and when it ends, as host.port; each refusal
//	microsocks  refused, then closed       no method accepted  each tunnel, when it begins; no refusals
//
// A test that was killed outright (SIGKILL, or the panic of go test's time-out)
// leaves no process, but its temporary folders (realproxy-* in os.TempDir) and,
// for squid, some 8 KiB below /dev/shm.
package realproxy
