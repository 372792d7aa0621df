package health

import "context"

// Changer is a Store that also tells what has changed, so that whoever follows it learns of the changes that others made
// without asking for every subject again and again. [Memory] is none: reading all of it takes no network, and it would
// have to remember what it forgot. The suite in healthtest checks these promises.
type Changer interface {
	// Changes returns what changed after the cursor, the longest unchanged first, each subject with the state it has now.
	// The empty cursor stands for the time before everything. Whoever asks with it, and from then on with the Next of
	// the answer before, knows every change that was over when it asked, once More is false: none is missed, and a
	// subject that has not changed since comes no more.
	//
	// A cursor is good for a minute at least, unless very much was forgotten since. One that is too old, or that the
	// store never gave, is no error: the answer is that to the empty cursor, and has Anew set. After an error the cursor
	// is as good as before. With a context that is already done it returns an error.
	Changes(ctx context.Context, cursor string) (Changes, error)
}

// Changes is a page of what changed in a [Changer].
type Changes struct {
	// States are at most 1,000 changes. The slice belongs to the caller, and may be empty although More is set.
	States []Change

	// Next is the cursor to go on from: at once if More is set, and later otherwise. It can be kept as text and used by
	// another process.
	Next string

	// More is whether changes are left that were made before this call.
	More bool

	// Anew is whether this page begins the list of everything that the store knows, because the cursor was empty or the
	// store no longer knew it. What is neither in this page nor in those that follow until More is false has the zero
	// State.
	Anew bool
}

// Change is a subject and the state it has now. The zero State: it was forgotten, by an update, for want of room or with
// its time.
type Change struct {
	Subject Subject
	State   State
}
