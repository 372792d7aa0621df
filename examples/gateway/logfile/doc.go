// Package logfile writes the gateway's log: JSON lines to a stream, or to files in a
// folder.
//
//	slog ─► Log.Handler ─┬─► app.log         everything
//	                     ├─► provider.log    health checks: "Health check for provider …"
//	                     └─► upstream.log    what failed on the way: "Attempt failed", "Proxy request failed", …
//
// Each file holds one day, by the machine's clock and zone. The first line of another day
// finds it renamed to app-2026-01-31.log, after the day that is over, and those of days
// that Config.Keep does not keep removed. So `tail -F app.log` follows, and nothing has to
// run at midnight.
//
// A line is written at once; where there are more than 32 in a tenth of a second the others
// wait for its end, and are written together. So many a crash may lose.
//
// A line that cannot be written is lost, and the gateway goes on: what is wrong is told
// once to Config.Errors, with how many lines were lost when writing works again. A stream
// that nobody reads on is another matter: who writes to it waits. Files of one folder
// belong to one gateway. A day's file has no bound: where a disk is small, let
// logrotate cut in, which Log.Reopen is for.
package logfile
