/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The stack before. Most faults have the callers of the fault before, so the last walk of each CPU
 * is remembered: the registers in each frame, and what was read on the way out of it. A walk that
 * comes to a frame with the same registers, in the same address space with the same tables, would
 * go the same way as long as it read the same words. So these are compared, which takes one
 * reading of memory for many frames, and where one differs the walk goes on from there.
 */
#ifndef FAULTREC_REMEMBERED_BPF_H
#define FAULTREC_REMEMBERED_BPF_H

#include "unwind.bpf.h"

#define LOOK_AHEAD     4 /* frames of the one before that are passed in one step */
#define FRAMES_AT_ONCE 4 /* in one turn of a loop */

struct remembered_frame {
	__u64 told; /* the word of the record */
	__u64 sp;
	__u64 bp;
	struct step_reads out; /* on the way to the next frame */
};

struct remembered_walk {
	__u64 salt;
	__u64 hash;   /* of these frames alone; 0: those of the kernel came before */
	__u64 end;    /* no word above it was read */
	__u32 frames; /* 0: nothing is remembered */
	__u32 ending; /* enum stack_ending */
	struct remembered_frame frame[MAX_FRAMES + 1]; /* and the registers at the end */
};

/* How a walk is along with the walk before. */
struct recall {
	__u32 last;	   /* which of the two walks is the one before */
	__u32 at;	   /* frame of that walk at which this one is, or which it looks at next */
	__u32 base;	   /* frames of the kernel */
	__u8 follows;	   /* that walk, frame by frame */
	__u8 has_recalled; /* some frames were not walked */
	__u8 is_as_before; /* none was walked, and the record's words are not written yet */
	__u8 _pad;
	__u64 base_hash; /* of those */
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

	if (frame->out.what == READ_NOTHING)
		return true;
	if (frame->out.what != READ_CALLER)
		return false;
	/* The lower word first: a window begins at it. */
	if (frame->out.bp_place && !is_same_word(recalling, frame->out.bp_place, next->bp))
		return false;
	return is_same_word(recalling, next->sp - WORD, frame->out.ip);
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

/* bpf_loop's function: are the next frames of the walk before those of this walk too? */
static long compare_frames(__u32 index, struct recalling *recalling)
{
	__u32 at = index * FRAMES_AT_ONCE;

	for (int i = 0; i < FRAMES_AT_ONCE; i++, at++) {
		const struct remembered_frame *frame = frame_at(recalling->before, at);

		if (!frame || !is_same_step(recalling, frame)) {
			recalling->recall->at = at;
			return 1;
		}
	}
	return 0;
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
	fresh->hash = recalling->recall->base ? 0 : walk->hash;
	fresh->end = walk->sp;
	fresh->ending = walk->ending;
	fresh->frames = frames;
}

/* The whole walk, from its innermost frame in user mode. */
static __always_inline void walk_as_before(struct recalling *recalling)
{
	const struct remembered_walk *before = recalling->before;
	struct stack_walk *walk = recalling->walking.walk;
	struct recall *recall = recalling->recall;

	recall->follows = 0;
	recall->base = walk->frames;
	recall->base_hash = walk->hash;
	recall->at = before->salt == walk->salt ? 0 : MAX_FRAMES;
	if (!recall->base && before->hash && meets(recalling) && !recall->at) {
		bpf_loop(MAX_FRAMES / FRAMES_AT_ONCE + 1, compare_frames, recalling, 0);
		if (recall->at >= before->frames) {
			walk->frames = before->frames;
			walk->hash = before->hash;
			walk->ending = before->ending;
			recall->is_as_before = 1;
			recall->has_recalled = 1;
			return;
		}
		recall->at = 0;
	}
	bpf_loop(MAX_FRAMES, take_frames, recalling, 0);
	remember(recalling);
}

/* bpf_loop's function. */
static long write_frame(__u32 index, struct recalling *recalling)
{
	if (index >= MAX_FRAMES)
		return 1;
	recalling->walking.record->words[index] = recalling->before->frame[index].told;
	return 0;
}

#endif
