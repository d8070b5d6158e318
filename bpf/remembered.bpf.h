/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Walks that are not made again. A walk that begins with the same registers as one before, in the
 * same address space with the same tables, goes the same way as long as it reads the same words. So
 * it is enough to compare these: one reading of memory, and no look-up.
 *
 * Two things are remembered on each CPU. Stacks that have come twice: all their words, which are
 * compared at once. And the walk before, frame by frame: one that comes to the registers of one of
 * its frames takes frames over until a word differs.
 */
#ifndef FAULTREC_REMEMBERED_BPF_H
#define FAULTREC_REMEMBERED_BPF_H

#include "unwind.bpf.h"

#define LOOK_AHEAD     4 /* frames of the one before that are passed in one step */
#define FRAMES_AT_ONCE 4 /* in one turn of a loop */
#define KNOWN_BITS     5
#define KNOWN_STACKS   (1 << KNOWN_BITS)
#define WORDS_AT_ONCE  8
#define KNOWN_WORDS    128

/* The registers and the rest that decide where a walk goes, besides what it reads. */
struct walk_start {
	__u64 ip;
	__u64 sp;
	__u64 bp;
	__u64 salt;
	__u64 base_hash; /* of the kernel's frames before it */
};

/* A stack that has come before, and from the second time on the words that were read to walk it. */
struct known_stack {
	struct walk_start start;
	__u64 hash;
	__u32 frames;
	__u32 ending;
	__u32 bytes; /* from start.sp to behind the last word; 0: the words are not here */
	__u32 words;
	__u64 value[KNOWN_WORDS];    /* the last is repeated up to a multiple of WORDS_AT_ONCE */
	__u16 distance[KNOWN_WORDS]; /* in bytes, from start.sp */
};

/* Of each walker. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WALKERS << KNOWN_BITS);
	__type(key, __u32);
	__type(value, struct known_stack);
} known_stacks SEC(".maps");

struct remembered_frame {
	__u64 told; /* the word of the record */
	__u64 sp;
	__u64 bp;
	struct step_reads out; /* on the way to the next frame */
};

struct remembered_walk {
	__u64 salt;
	__u64 end;				       /* no word above it was read */
	__u32 frames;				       /* 0: nothing is remembered */
	__u32 ending;				       /* enum stack_ending */
	struct remembered_frame frame[MAX_FRAMES + 1]; /* and the registers at the end */
};

/* How a walk is along with the walk before. */
struct recall {
	__u32 last;	   /* which of the two walks is the one before */
	__u32 at;	   /* frame of that walk at which this one is, or which it looks at next */
	__u32 base;	   /* frames of the kernel */
	__u32 place;	   /* of the stack, among those known */
	__u8 follows;	   /* that walk, frame by frame */
	__u8 has_recalled; /* some frames were not walked */
	__u8 is_known;	   /* none was, and the record's words are not written yet */
	struct walk_start start;
	__u64 hash; /* of the frames, without Python's */
};

/* What a walker works with. It is here and not on the program's stack, where the verifier would
 * follow each value through every frame. */
struct walker_memory {
	struct stack_walk walk;
	struct recall recall;
	struct stack_window window;
	struct stack_record record;
	struct remembered_walk walks[2]; /* the walk before, and the one under way */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WALKERS);
	__type(key, __u32);
	__type(value, struct walker_memory);
} walkers SEC(".maps");

struct recalling {
	struct walking walking; /* the first member: what only walks takes its address */
	struct recall *recall;
	const struct remembered_walk *before;
	struct remembered_walk *fresh;
	struct known_stack *known; /* where it is, or would be */
};

/* Is there the same word at that place as before? */
static __always_inline bool is_same_word(const struct recalling *recalling, __u64 place,
					 __u64 value)
{
	const __u64 *word = word_at(recalling->walking.window, place, recalling->before->end);

	return word && *word == value;
}

/* Would the step out of that frame of the walk before lead to the same place? */
static __always_inline bool is_same_step(const struct recalling *recalling,
					 const struct remembered_frame *frame)
{
	const struct remembered_frame *next = frame + 1;

	if (frame->out.depends_on_bx)
		return false;
	/* Lower words first: a window begins at the first. */
	return (!frame->out.sp_place || is_same_word(recalling, frame->out.sp_place, next->sp)) &&
	       (!frame->out.bp_place || is_same_word(recalling, frame->out.bp_place, next->bp)) &&
	       (!frame->out.ip_place ||
		is_same_word(recalling, frame->out.ip_place, frame->out.ip));
}

/* Null behind the last. */
static __always_inline const struct remembered_frame *frame_at(const struct remembered_walk *walk,
							       __u32 at)
{
	if (at >= walk->frames)
		return 0;
	/* Else the compiler compares something else that it knows to be the same, or multiplies
	 * before it compares; the verifier knows neither. */
	barrier_var(at);
	if (at >= MAX_FRAMES)
		return 0;
	barrier_var(at);
	return &walk->frame[at];
}

/* Is the walk at a frame that the walk before came to as well? */
static __always_inline bool meets(const struct recalling *recalling)
{
	const struct stack_walk *walk = recalling->walking.walk;
	struct recall *recall = recalling->recall;
	const struct remembered_frame *frame = frame_at(recalling->before, recall->at);

	for (int i = 0; i < LOOK_AHEAD && frame && frame->sp < walk->sp; i++)
		frame = frame_at(recalling->before, ++recall->at);
	return frame && frame->sp == walk->sp && frame->bp == walk->bp &&
	       (frame->told & ~FRAME_WITHOUT_TABLE) == pc_of(walk);
}

/* The walk has that frame of the one before. */
static __always_inline void recall_frame(const struct recalling *recalling,
					 const struct remembered_frame *frame)
{
	struct stack_walk *walk = recalling->walking.walk;
	__u32 at = walk->frames, fresh = at - recalling->recall->base;

	if (at >= MAX_FRAMES || fresh >= MAX_FRAMES)
		return;
	recalling->walking.record->words[at] = frame->told;
	walk->frames = at + 1;
	add_to_hash(walk, frame->told);
	if (frame->out.bx_place)
		walk->bx_place = frame->out.bx_place;
	recalling->fresh->frame[fresh] = *frame;
}

/* Takes frames of the walk before as long as their steps are the same, but not many at a time.
 * Returns whether the walk has ended. */
static __always_inline bool follow(const struct recalling *recalling)
{
	struct stack_walk *walk = recalling->walking.walk;
	const struct remembered_walk *before = recalling->before;
	struct recall *recall = recalling->recall;
	__u32 at = recall->at;

	for (int i = 0; i < FRAMES_AT_ONCE; i++, at++) {
		const struct remembered_frame *frame = frame_at(before, at);

		if (!frame || walk->frames >= MAX_FRAMES || !is_same_step(recalling, frame)) {
			recall->follows = 0;
			break;
		}
		recall_frame(recalling, frame);
	}
	recall->at = at;
	barrier_var(at);
	if (at > MAX_FRAMES)
		return true;
	walk->sp = before->frame[at].sp;
	walk->bp = before->frame[at].bp;
	walk->ip = before->frame[at].told & ~FRAME_WITHOUT_TABLE;
	walk->is_interrupted = 1; /* else the pc would be the byte before */
	if (at < before->frames)
		return walk->frames >= MAX_FRAMES;
	recall->follows = 0;
	walk->ending = before->ending;
	return walk->ending != ENDING_NONE;
}

/* bpf_loop's function: a frame that is walked, or some that are remembered; 1 ends the loop. */
static long take_frames(__u32 index, struct recalling *recalling)
{
	struct stack_walk *walk = recalling->walking.walk;
	struct recall *recall = recalling->recall;
	struct remembered_frame *frame;
	__u32 at, fresh;
	long is_last;

	if (!recall->follows && meets(recalling)) {
		recall->follows = 1;
		recall->has_recalled = 1;
	}
	if (recall->follows && (follow(recalling) || recall->follows))
		return !recall->follows || walk->frames >= MAX_FRAMES;
	at = walk->frames;
	fresh = at - recall->base;
	if (at >= MAX_FRAMES || fresh >= MAX_FRAMES)
		return 1;
	frame = &recalling->fresh->frame[fresh];
	frame->sp = walk->sp;
	frame->bp = walk->bp;
	is_last = add_frame(&recalling->walking, WORD);
	frame->told = recalling->walking.record->words[at];
	frame->out = walk->reads;
	return is_last;
}

static __always_inline void remember(const struct recalling *recalling)
{
	const struct stack_walk *walk = recalling->walking.walk;
	struct remembered_walk *fresh = recalling->fresh;
	__u32 frames = walk->frames - recalling->recall->base;

	fresh->frames = 0;
	recalling->recall->last ^= 1;
	if (frames > MAX_FRAMES || walk->ending == ENDING_UNREADABLE)
		return;
	fresh->frame[frames].sp = walk->sp;
	fresh->frame[frames].bp = walk->bp;
	fresh->frame[frames].told = pc_of(walk);
	fresh->salt = walk->salt;
	fresh->end = walk->sp;
	fresh->ending = walk->ending;
	fresh->frames = frames;
}

/* Of a walk that begins so, among a walker's known stacks. */
static __always_inline __u32 place_of(const struct stack_walk *walk)
{
	return ((walk->ip ^ walk->sp << 16 ^ walk->hash) * GOLDEN) >> (64 - KNOWN_BITS);
}

static __always_inline bool is_start(const struct walk_start *start, const struct walk_start *other)
{
	return start->ip == other->ip && start->sp == other->sp && start->bp == other->bp &&
	       start->salt == other->salt && start->base_hash == other->base_hash;
}

/* Are all words of that stack, which begins where the walk does, as they were? */
static __always_inline bool has_same_words(const struct recalling *recalling)
{
	const struct known_stack *known = recalling->known;
	struct stack_window *window = recalling->walking.window;
	__u32 bytes = known->bytes, words = known->words;

	if (!bytes || bytes > LARGEST_WINDOW || words > KNOWN_WORDS)
		return false;
	barrier_var(bytes);
	if (!bytes || bytes > LARGEST_WINDOW)
		return false;
	window->bytes = 0;
	if (!read_user(window->data, bytes, known->start.sp))
		return false;
	window->start = known->start.sp;
	window->bytes = bytes;
	for (__u32 i = 0; i < KNOWN_WORDS; i += WORDS_AT_ONCE) {
		__u64 differing = 0;

		if (i >= words)
			break;
		for (int j = 0; j < WORDS_AT_ONCE; j++) {
			__u32 distance = known->distance[i + j] & (LARGEST_WINDOW - 1);

			differing |= *(__u64 *)(window->data + distance) ^ known->value[i + j];
		}
		if (differing)
			return false;
	}
	return true;
}

static __always_inline bool add_known_word(struct known_stack *known, __u64 place, __u64 value)
{
	__u32 at = known->words;
	__u64 distance = place - known->start.sp;

	if (distance > LARGEST_WINDOW - WORD || at >= KNOWN_WORDS)
		return false;
	barrier_var(at);
	if (at >= KNOWN_WORDS)
		return false;
	known->distance[at] = distance;
	known->value[at] = value;
	known->words = at + 1;
	if (distance + WORD > known->bytes)
		known->bytes = distance + WORD;
	return true;
}

/* bpf_loop's function: the words that were read on the way out of one frame; 1 ends the loop. */
static long add_known_words(__u32 index, struct recalling *recalling)
{
	const struct remembered_frame *frame = frame_at(recalling->fresh, index), *next = frame + 1;
	struct known_stack *known = recalling->known;

	if (!frame)
		return 1; /* behind the last */
	if (!frame->out.depends_on_bx &&
	    (!frame->out.sp_place || add_known_word(known, frame->out.sp_place, next->sp)) &&
	    (!frame->out.bp_place || add_known_word(known, frame->out.bp_place, next->bp)) &&
	    (!frame->out.ip_place || add_known_word(known, frame->out.ip_place, frame->out.ip)))
		return 0;
	known->words = KNOWN_WORDS + 1;
	return 1;
}

/* The walk is over. One that is the same as the one in its place was met twice. */
static __always_inline void learn(struct recalling *recalling)
{
	const struct stack_walk *walk = recalling->walking.walk;
	struct known_stack *known = recalling->known;
	bool is_met_again = is_start(&known->start, &recalling->recall->start) &&
			    known->hash == walk->hash && known->ending == walk->ending;

	known->bytes = 0;
	known->words = 0;
	if (!is_met_again) {
		known->start = recalling->recall->start;
		known->hash = walk->hash;
		known->frames = walk->frames;
		known->ending = walk->ending;
		return;
	}
	if (walk->ending == ENDING_UNREADABLE)
		return;
	bpf_loop(MAX_FRAMES, add_known_words, recalling, 0);
	if (known->words > KNOWN_WORDS) {
		known->bytes = 0;
		return;
	}
	for (int i = 0; i < WORDS_AT_ONCE - 1; i++) {
		__u32 last = known->words - 1;

		if (last >= KNOWN_WORDS || !(known->words % WORDS_AT_ONCE))
			break;
		barrier_var(last);
		if (last >= KNOWN_WORDS ||
		    !add_known_word(known, known->start.sp + known->distance[last],
				    known->value[last]))
			break;
	}
}

/* The whole walk, from its innermost frame in user mode. */
static __always_inline void walk_as_before(struct recalling *recalling)
{
	struct stack_walk *walk = recalling->walking.walk;
	struct recall *recall = recalling->recall;
	struct known_stack *known = recalling->known;

	recall->start.ip = walk->ip;
	recall->start.sp = walk->sp;
	recall->start.bp = walk->bp;
	recall->start.salt = walk->salt;
	recall->start.base_hash = walk->hash;
	recall->base = walk->frames;
	if (is_start(&known->start, &recall->start) && has_same_words(recalling)) {
		walk->frames = known->frames;
		walk->hash = known->hash;
		walk->ending = known->ending;
		recall->is_known = 1;
		recall->has_recalled = 1;
		return;
	}
	recall->follows = 0;
	recall->at = recalling->before->salt == walk->salt ? 0 : MAX_FRAMES;
	bpf_loop(MAX_FRAMES, take_frames, recalling, 0);
	remember(recalling);
	learn(recalling);
}

#endif
