/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The Python frames of a fault, from the interpreter's own thread state: what CPython's C frames
 * run. Where each version has its fields, user space knows (Symbols/PythonRuntime.cs).
 */
#ifndef FAULTREC_PYTHON_BPF_H
#define FAULTREC_PYTHON_BPF_H

#include "unwind.bpf.h"

#define MAX_PYTHON_LAYOUTS 64
#define MAX_PYTHON_THREADS 256
#define FRAME_BYTES	   128	/* of a frame, as far as its fields are looked at */
#define FRAMES_BYTES	   1024 /* a power of two: frames of functions lie one behind the other */
#define THREAD_BYTES	   256	/* of a thread's state, likewise */
#define TAG_BITS	   7ull /* of a reference, since 3.14 */
#define PYTHON_STATE	   32	/* PyASCIIObject.state; length is at 16, as a bytes object's */
#define PYTHON_LENGTH	   16
#define PYTHON_BYTES	   32 /* PyBytesObject.ob_sval */

#define CODE_NAMES     3 /* co_filename, co_name, and since 3.11 co_qualname */
#define SEEN_CODE_BITS 5

/* Since 3.12 this and above: not a function's frame, but the interpreter's. */
#define OWNED_BY_C 3

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_PYTHON_LAYOUTS);
	__type(key, __u32);
	__type(value, struct python_layout);
} python_layouts SEC(".maps");

/* Code that user space has been sent. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u8);
} sent_codes SEC(".maps");

/* Code whose record user space has, as it was when that was made. */
struct seen_code {
	__u64 code;
	__u64 salt; /* of its address space */
	__u64 words[CODE_NAMES];
	__u64 id;
};

/* Memory of the interpreter, as far as it was read at once. */
struct python_window {
	__u64 start;
	__u64 bytes;
	__u8 data[FRAMES_BYTES + WORD];
};

struct python_scratch {
	__u64 frame;
	__u64 at; /* of the frame in the window */
	__u64 thread;
	__u64 thread_id;
	__u64 words[4]; /* of the frame's code */
	__u32 base;	/* words before the first Python frame's */
	__u32 frames;
	struct python_window window;
	struct seen_code seen[1 << SEEN_CODE_BITS];
	struct python_code code;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WALKERS);
	__type(key, __u32);
	__type(value, struct python_scratch);
} python_scratches SEC(".maps");

struct python_walk {
	const struct python_layout *layout;
	struct python_scratch *scratch;
	const struct walking *native;
};

static __always_inline __u64 pointer_at(__u64 place)
{
	__u64 value = 0;

	read_user(&value, sizeof(value), place);
	return value;
}

/* bpf_loop's function: is it the running thread's? */
static long look_at_thread(__u32 i, struct python_walk *walk)
{
	const struct python_layout *layout = walk->layout;
	struct python_scratch *scratch = walk->scratch;

	if (!scratch->thread ||
	    pointer_at(scratch->thread + layout->thread_id) == scratch->thread_id)
		return 1;
	scratch->thread = pointer_at(scratch->thread + layout->thread_next);
	return 0;
}

static __always_inline __u64 window_word(const struct python_window *window, __u64 at)
{
	at &= FRAMES_BYTES - 1;
	barrier_var(at);
	return *(__u64 *)&window->data[at & (FRAMES_BYTES - 1)];
}

/* Is that the state of the running thread? Then its field thread_frame goes to *frame. */
static __always_inline bool is_state(const struct python_walk *walk, __u64 thread, __u64 *frame)
{
	const struct python_layout *layout = walk->layout;
	struct python_scratch *scratch = walk->scratch;
	struct python_window *window = &scratch->window;

	if (!thread || layout->thread_id > THREAD_BYTES - WORD ||
	    layout->thread_frame > THREAD_BYTES - WORD ||
	    !read_user(window->data, THREAD_BYTES, thread) ||
	    window_word(window, layout->thread_id) != scratch->thread_id)
		return false;
	*frame = window_word(window, layout->thread_frame);
	return true;
}

/* Field thread_frame. A thread's id is pthread_self(), which on x86-64 is its fs base. */
static __always_inline __u64 thread_frame(struct task_slot *slot, const struct task_struct *task,
					  const struct code_maps *maps, struct python_walk *walk)
{
	const struct python_layout *layout = walk->layout;
	struct python_scratch *scratch = walk->scratch;
	__u64 interpreter, frame;

	scratch->thread_id = task->thread.fsbase;
	scratch->window.bytes = 0;
	if (is_state(walk, slot->python_thread, &frame))
		return frame;
	interpreter = pointer_at(maps->python_runtime + layout->runtime_interpreters);
	scratch->thread = interpreter ? pointer_at(interpreter + layout->interpreter_threads) : 0;
	bpf_loop(MAX_PYTHON_THREADS, look_at_thread, walk, 0);
	if (scratch->thread &&
	    pointer_at(scratch->thread + layout->thread_id) != scratch->thread_id)
		scratch->thread = 0;
	slot->python_thread = scratch->thread;
	return scratch->thread ? pointer_at(scratch->thread + layout->thread_frame) : 0;
}

/* Bytes a character of a text; its length goes to *length and its beginning to `to`. */
static __always_inline __u32 read_text(const struct python_layout *layout, __u64 text, __u8 *to,
				       __u32 bytes, __u32 *length)
{
	__u64 count = pointer_at(text + PYTHON_LENGTH);
	__u64 size;
	__u32 state = pointer_at(text + PYTHON_STATE) >> layout->state_shift;
	__u32 width = state & 7;
	bool is_ascii = state >> 4 & 1;

	*length = count > 0xffffffff ? 0xffffffff : count;
	size = (__u64)*length * (width ?: 1);
	if (size > bytes)
		size = bytes;
	barrier_var(size);
	if (size > bytes)
		return 0;
	if (bpf_probe_read_user(
		    to, size,
		    (void *)(text + (is_ascii ? layout->ascii_bytes : layout->compact_bytes))))
		*length = 0;
	return width;
}

/* words: co_filename, co_name, and what follows them. Returns whether user space has it. */
static __always_inline bool send_code(const struct python_layout *layout,
				      struct python_scratch *scratch, __u64 id, __u64 code,
				      const __u64 *words)
{
	struct python_code *record = &scratch->code;
	bool has_qualname = layout->minor >= 11;
	__u64 lines = has_qualname ? words[3] : words[2];
	__u64 line_bytes = pointer_at(lines + PYTHON_LENGTH);
	__u32 bytes;
	__u8 one = 1;

	record->head.id = id;
	record->head.record_kind = PYTHON_CODE_KIND;
	record->head.minor = layout->minor;
	record->head.first_line = 0;
	read_user(&record->head.first_line, sizeof(__u32), code + layout->code_first_line);
	record->head.file_width = read_text(layout, words[0], record->file, PYTHON_FILE_CHARS,
					    &record->head.file_length);
	record->head.name_width =
		read_text(layout, has_qualname ? words[2] : words[1], record->name,
			  PYTHON_NAME_CHARS, &record->head.name_length);
	if (line_bytes > PYTHON_MAX_LINE_BYTES)
		line_bytes = PYTHON_MAX_LINE_BYTES;
	barrier_var(line_bytes);
	if (line_bytes > PYTHON_MAX_LINE_BYTES ||
	    bpf_probe_read_user(record->lines, line_bytes, (void *)(lines + PYTHON_BYTES)))
		line_bytes = 0;
	record->head.line_bytes = line_bytes;
	bytes = offsetof(struct python_code, lines) + line_bytes;
	barrier_var(bytes);
	if (bytes > sizeof(*record) || bpf_ringbuf_output(&stacks, record, bytes, BPF_RB_NO_WAKEUP))
		return false;
	bpf_map_update_elem(&sent_codes, &id, &one, BPF_ANY);
	return true;
}

/* The id of a code object, whose record is sent where it is new. */
static __always_inline __u64 id_of(const struct python_walk *walk, __u64 code, const __u64 *words)
{
	struct python_scratch *scratch = walk->scratch;
	struct seen_code *seen = &scratch->seen[(code * GOLDEN) >> (64 - SEEN_CODE_BITS)];
	__u64 id = (code ^ walk->native->walk->salt) * GOLDEN;

	if (seen->code == code && seen->salt == walk->native->walk->salt &&
	    seen->words[0] == words[0] && seen->words[1] == words[1] && seen->words[2] == words[2])
		return seen->id;
	for (int i = 0; i < CODE_NAMES; i++)
		id = (id ^ (id >> 29) ^ words[i]) * GOLDEN;
	id |= 1;
	if (!bpf_map_lookup_elem(&sent_codes, &id) &&
	    !send_code(walk->layout, scratch, id, code, words))
		return id;
	seen->code = code;
	seen->salt = walk->native->walk->salt;
	for (int i = 0; i < CODE_NAMES; i++)
		seen->words[i] = words[i];
	seen->id = id;
	return id;
}

static __always_inline __u64 frame_word(const struct python_scratch *scratch, __u32 offset)
{
	return window_word(&scratch->window, scratch->at + offset);
}

/* Has the frame in the window, with what lies before it on its page. */
static __always_inline bool reach_frame(struct python_scratch *scratch)
{
	struct python_window *window = &scratch->window;
	__u64 before = scratch->frame & (WINDOW_ALIGNMENT - 1), bytes;

	scratch->at = scratch->frame - window->start;
	if (scratch->at < window->bytes && scratch->at + FRAME_BYTES <= window->bytes)
		return true;
	if (before > FRAMES_BYTES - FRAME_BYTES)
		before = FRAMES_BYTES - FRAME_BYTES;
	bytes = before + FRAME_BYTES;
	window->bytes = 0;
	barrier_var(bytes);
	if (bytes > FRAMES_BYTES || !read_user(window->data, bytes, scratch->frame - before))
		return false;
	window->start = scratch->frame - before;
	window->bytes = bytes;
	scratch->at = before;
	return true;
}

/* Offset of the frame's instruction in bytes; before 3.10 it is counted in bytes, in 3.10 in
 * instructions of two. */
static __always_inline __u32 instruction_of(const struct python_layout *layout,
					    const struct python_scratch *scratch, __u64 code)
{
	__u64 instruction = frame_word(scratch, layout->frame_instruction);

	if (layout->code_bytes)
		return instruction - (code + layout->code_bytes);
	return layout->minor == 10 ? 2 * (__u32)instruction : (__u32)instruction;
}

/* bpf_loop's function: one frame; 1 ends the loop. */
static long walk_python_frame(__u32 i, struct python_walk *walk)
{
	const struct python_layout *layout = walk->layout;
	struct python_scratch *scratch = walk->scratch;
	__u32 place = scratch->base + 2 * scratch->frames;
	__u64 code, id, *words = scratch->words;
	bool is_entry = layout->minor < 11;
	__u32 instruction;

	if (!scratch->frame || scratch->frames >= MAX_PYTHON_FRAMES || !reach_frame(scratch))
		return 1;
	scratch->frame = frame_word(scratch, layout->frame_back);
	if (layout->minor == 11)
		is_entry = frame_word(scratch, layout->frame_owner) & 0xff;
	if (layout->minor >= 12 &&
	    (frame_word(scratch, layout->frame_owner) & 0xff) >= OWNED_BY_C) {
		/* The frame inside it was the first that the C function ran. */
		place -= 1;
		if (scratch->frames && place < MAX_FRAMES + 2 * MAX_PYTHON_FRAMES)
			walk->native->record->words[place] |= 1;
		return 0;
	}
	code = frame_word(scratch, layout->frame_code) & ~TAG_BITS;
	if (!read_user(words, sizeof(scratch->words), code + layout->code_file))
		return 1;
	id = id_of(walk, code, words);
	instruction = instruction_of(layout, scratch, code);
	if (place >= MAX_FRAMES + 2 * MAX_PYTHON_FRAMES - 1)
		return 1;
	walk->native->record->words[place] = id;
	walk->native->record->words[place + 1] = (__u64)instruction << 1 | is_entry;
	add_to_hash(walk->native->walk, id ^ instruction);
	scratch->frames++;
	return 0;
}

/* A word that most likely lies on the interpreter's own stack. */
static __always_inline __u64 native_word(const struct stack_window *window, __u64 place)
{
	__u64 distance = place - window->start;

	if (distance >= LARGEST_WINDOW || distance + WORD > window->bytes)
		return pointer_at(place);
	barrier_var(distance);
	return distance < LARGEST_WINDOW ? *(__u64 *)(window->data + distance) : 0;
}

/* Returns how many frames were put behind the native ones. */
static __always_inline __u32 walk_python(struct task_slot *slot, const struct task_struct *task,
					 const struct code_maps *maps, const struct walking *native,
					 __u32 walker)
{
	struct python_walk walk = { .native = native };
	struct python_layout *layout = bpf_map_lookup_elem(&python_layouts, &maps->python);
	struct python_scratch *scratch = bpf_map_lookup_elem(&python_scratches, &walker);
	__u64 frame;

	if (!layout || !scratch || !layout->minor)
		return 0;
	walk.layout = layout;
	walk.scratch = scratch;
	frame = thread_frame(slot, task, maps, &walk);
	if (frame && layout->cframe_frame != NO_CFRAME)
		frame = native_word(native->window, frame + layout->cframe_frame);
	scratch->frame = frame;
	scratch->base = native->walk->frames;
	scratch->frames = 0;
	bpf_loop(2 * MAX_PYTHON_FRAMES, walk_python_frame, &walk, 0);
	return scratch->frames <= MAX_PYTHON_FRAMES ? scratch->frames : 0;
}

#endif
