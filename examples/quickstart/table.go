package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/sdks"
)

// row is one call and what became of it.
type row struct {
	call     sdks.Call
	result   sdks.Result
	attempts []balancer.Attempt
	err      error
}

// printTable prints a line for each attempt, the last of a call being the answer.
func printTable(out io.Writer, rows []row) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CALL\tACCOUNT\tTHROUGH\tWHAT HAPPENED\tFIRST BYTE\tTOKENS IN+OUT")
	for _, r := range rows {
		title := r.call.SDK + " " + r.call.Name
		if r.call.Streamed {
			title += ", streamed"
		}
		for _, a := range r.attempts {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", title, a.Account, through(a), happened(a), firstByte(a), tokens(a))
			title = ""
		}
		if r.err != nil {
			fmt.Fprintf(t, "%s\t\t\tNOT ANSWERED\t\t\n", title)
		}
	}
	_ = t.Flush() // out's own errors show in what is missing
	for _, r := range rows {
		if r.err != nil {
			fmt.Fprintf(out, "\n%s %s was not answered: %v\n", r.call.SDK, r.call.Name, r.err)
		}
	}
}

func through(a balancer.Attempt) string {
	if a.Fallback != "" {
		return "direct (fallback)"
	}
	return a.Proxy
}

// happened is short; printReasons has the whole of it.
func happened(a balancer.Attempt) string {
	switch {
	case a.Answered && a.Fallback != "":
		return "answered, around the proxy that failed"
	case a.Answered:
		return "answered"
	case a.Status != 0:
		return fmt.Sprintf("left: %d %s", a.Status, a.Class)
	case a.Phase != nil:
		return fmt.Sprintf("left: %s at %s", a.Class, *a.Phase)
	default:
		return "left: " + a.Class.String()
	}
}

// printReasons prints what each attempt that failed came to, once for those alike.
func printReasons(out io.Writer, rows []row) {
	fmt.Fprintln(out, "\nWHY")
	said := make(map[string]bool)
	for _, r := range rows {
		for _, a := range r.attempts {
			reason := a.Reason + a.Fallback
			if line := a.Account + ": " + reason; reason != "" && !said[line] {
				said[line] = true
				fmt.Fprintln(out, line)
			}
		}
	}
}

func firstByte(a balancer.Attempt) string {
	if a.FirstByte == 0 {
		return ""
	}
	return a.FirstByte.Round(100 * time.Microsecond).String()
}

func tokens(a balancer.Attempt) string {
	if !a.Answered {
		return ""
	}
	return fmt.Sprintf("%d+%d", a.Usage.Input, a.Usage.Output)
}
