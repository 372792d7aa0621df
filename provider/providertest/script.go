package providertest

import "slices"

// script is what is still to be answered. It is guarded by its Fake's mutex.
type script struct {
	general   []Step
	byKey     map[string][]Step
	always    Step
	alwaysFor map[string]Step
}

// Script appends answers for the next calls, whoever calls.
func (f *Fake) Script(steps ...Step) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script.general = append(f.script.general, steps...)
}

// ScriptFor appends answers for the next calls with this credential. They are
// taken before those of the general script.
func (f *Fake) ScriptFor(key string, steps ...Step) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.script.byKey == nil {
		f.script.byKey = make(map[string][]Step)
	}
	f.script.byKey[key] = append(f.script.byKey[key], steps...)
}

// Always sets the answer for every call that no script has one for, until it
// is set again. The zero Step: back to normal answers.
func (f *Fake) Always(s Step) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script.always = s
}

// AlwaysFor is as [Fake.Always], for calls with this credential, and goes
// before it. The zero Step: this credential is as all others again.
func (f *Fake) AlwaysFor(key string, s Step) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.script.alwaysFor == nil {
		f.script.alwaysFor = make(map[string]Step)
	}
	f.script.alwaysFor[key] = s
	if s.kind == kindNone {
		delete(f.script.alwaysFor, key)
	}
}

// next takes the step for one call with this credential.
func (s *script) next(key string) Step {
	if own := s.byKey[key]; len(own) > 0 {
		s.byKey[key] = own[1:]
		if len(own) == 1 {
			delete(s.byKey, key)
		}
		return own[0]
	}
	if len(s.general) > 0 {
		first := s.general[0]
		s.general = slices.Delete(s.general, 0, 1)
		return first
	}
	if own, ok := s.alwaysFor[key]; ok {
		return own
	}
	return s.always
}
