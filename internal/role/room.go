package role

// Room is where a machine gathers the effects of its Steps, without an allocation for each: they
// are cut from pieces, of which each is for many. The zero value is ready.
type Room struct {
	piece  []Effect // with what was cut from it; its end is free
	from   int      // where the effects of the Step in progress begin
	counts map[Counter]Effect
}

// pieceLength is how many effects a piece is for. Who keeps one of them keeps all.
const pieceLength = 128

// Begin begins a Step. What the ones before have had stays as it is.
func (r *Room) Begin() {
	if cap(r.piece)-len(r.piece) < pieceLength/8 {
		r.piece = make([]Effect, 0, pieceLength)
	}
	r.from = len(r.piece)
}

// Emit adds an effect to the Step's.
func (r *Room) Emit(e Effect) {
	if len(r.piece) == cap(r.piece) { // a long Step has a piece of its own
		more := make([]Effect, len(r.piece)-r.from, 2*(len(r.piece)-r.from)+pieceLength)
		copy(more, r.piece[r.from:])
		r.piece, r.from = more, 0
	}
	r.piece = append(r.piece, e)
}

// Count adds the effect that counts, which is made once for each counter.
func (r *Room) Count(c Counter) {
	e, made := r.counts[c]
	if !made {
		if r.counts == nil {
			r.counts = make(map[Counter]Effect)
		}
		e = Count{Counter: c}
		r.counts[c] = e
	}
	r.Emit(e)
}

// End returns the effects of the Step, nil where there are none.
func (r *Room) End() []Effect {
	if len(r.piece) == r.from {
		return nil
	}
	return r.piece[r.from:len(r.piece):len(r.piece)]
}
