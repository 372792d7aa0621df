// Package realproxy starts real proxy servers for tests: the programs that
// stand between people and the internet, not imitations of them.
//
//	test ─► client ─► squid · tinyproxy      (http://,   basic auth)   ─► the test's
//	               ├► privoxy                (http://,   no passwords) ─► own server
//	               ├► haproxy ─► one of them (https://,  as behind it) ─►
//	               └► danted · microsocks    (socks5://, user name)    ─►
//
// Each function (Squid, Tinyproxy, Privoxy, Haproxy, Dante, Microsocks) starts
// one program of Debian 12 and returns when it accepts connections. Every
// program has
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
// the test, so that no CI run passes by testing nothing. All six come with
//
//	apt-get install --no-install-recommends squid dante-server tinyproxy microsocks haproxy privoxy
//
// # What differs between the programs, as a client sees it
//
//	            wrong password             no password given   what Log shows, and when
//	squid       407                        407                 each request, when it ends: a CONNECT when its tunnel is closed
//	tinyproxy   401                        407                 each request, when it begins
//	privoxy     knows no passwords         served              each request, when it ends, a CONNECT when its tunnel is closed; as 200, whatever an endpoint answered
//	haproxy     as the proxy behind it     as behind it        each connection, when it ends, without the target
//	danted      refused, then closed       no method accepted  each tunnel, when it begins and when it ends, as host.port; each refusal
//	microsocks  refused, then closed       no method accepted  each tunnel, when it begins; no refusals
//
// What the HTTP proxies say by themselves, to a plain request for an http://
// endpoint and to a CONNECT (haproxy says nothing: it passes on what the proxy
// behind it says):
//
//	            endpoint refuses         name unknown         endpoint hangs up            its own answers are known by
//	squid       503                      502; CONNECT: 500    502; CONNECT: 200, then EOF  X-Squid-Error
//	tinyproxy   500                      500                  EOF; CONNECT: 200, then EOF  Server: tinyproxy/…
//	privoxy     503                      404                  502; CONNECT: 200, then EOF  no Server, no Via; see Privoxy
//
// And how they treat a connection over which plain requests came: squid keeps it
// and says so; tinyproxy closes it after each answer without saying so; privoxy
// keeps it, but closes it after its own pages without saying so. All of them
// pass on what an endpoint streams piece by piece as it comes.
//
// A test that was killed outright (SIGKILL, or the panic of go test's time-out)
// leaves no process, but its temporary folders (realproxy-* in os.TempDir) and,
// for squid, some 8 KiB below /dev/shm.
package realproxy
