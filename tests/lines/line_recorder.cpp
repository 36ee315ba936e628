// Notes which thread reads and which writes which cache line: linked in place of ThreadSanitizer's runtime
// into code that was compiled for it, so that each access of our own calls here. Memory comes from glibc's
// malloc, as in a release build, and lies where it would lie there.
//
// Seen as well: memcpy and its like in every library, malloc and free, mutexes and conditions, what the
// kernel writes through recvmmsg and sendmmsg, and what libuv does to a loop in each of its turns (more than
// it really writes). Not seen: the rest of libraries' own code.
//
// CENOTE_LINES names a file that tests/lines/lines.py has made. A window is open while its first word is not
// 0; each thread writes into a table of its own there. No locks, no memory taken.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>
#include <uv.h>

namespace {

// The layout of the file, which lines.py knows too.
constexpr size_t kFrames = 13;
constexpr size_t kThreads = 16;
constexpr size_t kLines = 1 << 16;
struct Line {
  uint64_t key;  // the window's number in the upper 16 bits, below it the address / 64
  uint64_t count[2];
  uint64_t bytes[2];          // a bit for each
  uint64_t from[2][kFrames];  // who was first, innermost frame first; [0] reads, [1] writes
  uint64_t unused;
};
struct Thread {
  uint64_t lost;  // lines for which there was no room
  uint64_t outermost[31];
  Line lines[kLines];
};
struct File {
  volatile uint32_t window;
  std::atomic<uint32_t> threads;
  uint64_t unused[31];
  Thread thread[kThreads];
};
static_assert(sizeof(Line) == 256 && sizeof(File) == 256 + kThreads * (256 + kLines * 256));

File* file = nullptr;
constexpr size_t kDepth = 512;
thread_local Thread* own = nullptr;
thread_local bool busy = false;  // what is called from here must not come back
thread_local size_t depth = 0;
thread_local uint64_t callers[kDepth];
thread_local uv_loop_t* loop = nullptr;

struct From {
  void* call;    // in whom
  void** frame;  // of the function here that was called
};

uint64_t number(const void* pointer) {
  return reinterpret_cast<uint64_t>(pointer);
}

void begin_thread() {
  const uint32_t index = file->threads.fetch_add(1);
  if (index >= kThreads) {
    std::abort();  // lines.py sees that the process is gone
  }
  own = &file->thread[index];
  for (size_t i = 0; i < 31 && i < depth; ++i) {
    own->outermost[i] = callers[i];
  }
}

Line* find(uint64_t key) {
  size_t at = (key * 0x9E3779B97F4A7C15) >> 48;
  for (size_t tries = 0; tries < 256; ++tries, at = (at + 1) % kLines) {
    if (own->lines[at].key == key) {
      return &own->lines[at];
    }
    if (own->lines[at].key == 0) {
      own->lines[at].key = key;
      return &own->lines[at];
    }
  }
  ++own->lost;
  return nullptr;
}

// Functions that touch nothing but atomics do not tell of their callers: one frame is taken from the stack
// itself, where the caller keeps a frame pointer.
void note_callers(uint64_t* out, const From& from) {
  *out++ = number(from.call);
  const uint64_t caller = number(from.frame[0]);
  const bool has_frame =
      caller > number(from.frame) && caller - number(from.frame) < 65536 && caller % 16 == 0;
  size_t at = depth <= kDepth ? depth : 0;
  if (has_frame) {
    *out = number(static_cast<void**>(from.frame[0])[1]);
    at -= at > 0 && callers[at - 1] == *out ? 1 : 0;
  }
  for (size_t i = has_frame ? 2 : 1; i < kFrames && at > 0; ++i) {
    out[i - 1] = callers[--at];
  }
}

void note_line(uint64_t address, uint64_t size, int writes, const From& from, uint64_t window) {
  Line* line = find(window << 48 | address / 64);
  if (line == nullptr) {
    return;
  }
  line->bytes[writes] |= (size == 64 ? ~0ULL : (1ULL << size) - 1) << address % 64;
  if (line->count[writes]++ == 0) {
    note_callers(line->from[writes], from);
  }
}

void note(const volatile void* memory, size_t size, int writes, const From& from) {
  const uint32_t window = file != nullptr ? file->window : 0;
  if (window == 0 || busy || memory == nullptr) {
    return;
  }
  busy = true;
  if (own == nullptr) {
    begin_thread();
  }
  uint64_t address = reinterpret_cast<uint64_t>(memory);
  for (const uint64_t end = address + size; address < end;) {
    const uint64_t next = address / 64 * 64 + 64;
    note_line(address, (next < end ? next : end) - address, writes, from, window);
    address = next;
  }
  busy = false;
}

#define FROM (From{__builtin_return_address(0), static_cast<void**>(__builtin_frame_address(0))})
#define READS(memory, size) note(memory, size, 0, FROM)
#define WRITES(memory, size) note(memory, size, 1, FROM)
#define NEXT(function) \
  static auto* const next = reinterpret_cast<decltype(&function)>(dlsym(RTLD_NEXT, #function))

__attribute__((constructor)) void open_file() {
  const char* path = std::getenv("CENOTE_LINES");
  const int descriptor = path != nullptr ? open(path, O_RDWR | O_CLOEXEC) : -1;
  void* memory = mmap(nullptr, sizeof(File), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (memory != MAP_FAILED) {
    file = static_cast<File*>(memory);
  }
  close(descriptor);
}

// Whatever of a loop libuv may write in a turn: the loop, its table of watchers, what runs at a turn's end,
// timers.
void note_turn(const From& from) {
  note(loop, sizeof *loop, 1, from);
  note(loop->watchers, (loop->nwatchers + 2) * sizeof(void*), 1, from);
  uv_walk(
      loop,
      [](uv_handle_t* handle, void* caller) {
        const uv_handle_type type = uv_handle_get_type(handle);
        note(handle, uv_handle_size(type), type == UV_PREPARE || type == UV_TIMER ? 1 : 0,
             *static_cast<const From*>(caller));
      },
      const_cast<From*>(&from));
}

void note_message(const msghdr& message, size_t size, int writes, const From& from) {
  note(message.msg_name, message.msg_namelen, writes, from);
  note(message.msg_control, message.msg_controllen, writes, from);
  for (size_t i = 0; i < message.msg_iovlen; ++i) {
    const iovec& part = message.msg_iov[i];
    note(&part, sizeof part, 0, from);
    note(part.iov_base, size < part.iov_len ? size : part.iov_len, writes, from);
    size -= size < part.iov_len ? size : part.iov_len;
  }
}

}  // namespace

extern "C" {

void __tsan_init() {}
void __tsan_func_entry(void* caller) {
  if (depth < kDepth) {
    callers[depth] = number(caller);
  }
  ++depth;
}
void __tsan_func_exit() {
  --depth;
}

#define READ_AND_WRITE(kind, size)            \
  void __tsan_##kind##read##size(void* at) {  \
    READS(at, size);                          \
  }                                           \
  void __tsan_##kind##write##size(void* at) { \
    WRITES(at, size);                         \
  }
#define ACCESS(size)               \
  READ_AND_WRITE(, size)           \
  READ_AND_WRITE(unaligned_, size) \
  READ_AND_WRITE(volatile_, size)
ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)
void __tsan_read_range(void* at, size_t size) {
  READS(at, size);
}
void __tsan_write_range(void* at, size_t size) {
  WRITES(at, size);
}
void __tsan_vptr_read(void* at) {
  READS(at, 8);
}
void __tsan_vptr_update(void* at, void*) {
  WRITES(at, 8);
}

void __tsan_atomic_thread_fence(int) {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
void __tsan_atomic_signal_fence(int) {}

#define CHANGE(bits, name)                                                                              \
  uint##bits##_t __tsan_atomic##bits##_##name(volatile uint##bits##_t* at, uint##bits##_t value, int) { \
    WRITES(at, sizeof *at);                                                                             \
    return __atomic_##name(at, value, __ATOMIC_SEQ_CST);                                                \
  }
#define EXCHANGE(bits, name, weak)                                                                     \
  int __tsan_atomic##bits##_##name(volatile uint##bits##_t* at, uint##bits##_t* expected,              \
                                   uint##bits##_t value, int, int) {                                   \
    WRITES(at, sizeof *at);                                                                            \
    return __atomic_compare_exchange_n(at, expected, value, weak, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
  }
#define ATOMIC(bits)                                                                                      \
  uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t* at, int) {                     \
    READS(at, sizeof *at);                                                                                \
    return __atomic_load_n(at, __ATOMIC_SEQ_CST);                                                         \
  }                                                                                                       \
  void __tsan_atomic##bits##_store(volatile uint##bits##_t* at, uint##bits##_t value, int) {              \
    WRITES(at, sizeof *at);                                                                               \
    __atomic_store_n(at, value, __ATOMIC_SEQ_CST);                                                        \
  }                                                                                                       \
  uint##bits##_t __tsan_atomic##bits##_exchange(volatile uint##bits##_t* at, uint##bits##_t value, int) { \
    WRITES(at, sizeof *at);                                                                               \
    return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST);                                              \
  }                                                                                                       \
  CHANGE(bits, fetch_add)                                                                                 \
  CHANGE(bits, fetch_sub)                                                                                 \
  CHANGE(bits, fetch_and)                                                                                 \
  CHANGE(bits, fetch_or)                                                                                  \
  CHANGE(bits, fetch_xor)                                                                                 \
  EXCHANGE(bits, compare_exchange_strong, false)                                                          \
  EXCHANGE(bits, compare_exchange_weak, true)
ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)

// What the compiler and libraries call. Byte by byte: none of these may become a call of itself.
void* memmove(void* to, const void* from, size_t size) {
  READS(from, size);
  WRITES(to, size);
  auto* target = static_cast<volatile unsigned char*>(to);
  const auto* source = static_cast<const volatile unsigned char*>(from);
  if (number(to) <= number(from)) {
    for (size_t i = 0; i < size; ++i) {
      target[i] = source[i];
    }
  } else {
    for (size_t i = size; i > 0; --i) {
      target[i - 1] = source[i - 1];
    }
  }
  return to;
}
void* memcpy(void* to, const void* from, size_t size) {
  READS(from, size);
  WRITES(to, size);
  void* target = to;
  asm volatile("rep movsb" : "+D"(target), "+S"(from), "+c"(size) : : "memory");
  return to;
}
void* memset(void* to, int value, size_t size) {
  WRITES(to, size);
  void* target = to;
  asm volatile("rep stosb" : "+D"(target), "+c"(size) : "a"(value) : "memory");
  return to;
}
int memcmp(const void* left, const void* right, size_t size) {
  READS(left, size);
  READS(right, size);
  const auto* a = static_cast<const volatile unsigned char*>(left);
  const auto* b = static_cast<const volatile unsigned char*>(right);
  for (size_t i = 0; i < size; ++i) {
    if (const int difference = a[i] - b[i]; difference != 0) {
      return difference;
    }
  }
  return 0;
}

// A piece's size stands in the eight bytes before it, and a free one is linked by its first sixteen.
void* __libc_malloc(size_t);
void __libc_free(void*);
void* malloc(size_t size) {
  void* memory = __libc_malloc(size);
  WRITES(memory == nullptr ? nullptr : static_cast<uint64_t*>(memory) - 1, 24);
  return memory;
}
void free(void* memory) {
  WRITES(memory == nullptr ? nullptr : static_cast<uint64_t*>(memory) - 1, 24);
  __libc_free(memory);
}

#define WRITTEN(function, type)         \
  int function(type* object) noexcept { \
    NEXT(function);                     \
    WRITES(object, sizeof *object);     \
    return next(object);                \
  }
WRITTEN(pthread_mutex_lock, pthread_mutex_t)
WRITTEN(pthread_mutex_trylock, pthread_mutex_t)
WRITTEN(pthread_mutex_unlock, pthread_mutex_t)
WRITTEN(pthread_cond_signal, pthread_cond_t)
WRITTEN(pthread_cond_broadcast, pthread_cond_t)

int recvmmsg(int descriptor, mmsghdr* messages, unsigned count, int flags, timespec* timeout) {
  const int done = static_cast<int>(syscall(SYS_recvmmsg, descriptor, messages, count, flags, timeout));
  for (int i = 0; i < done; ++i) {
    WRITES(&messages[i], sizeof messages[i]);
    note_message(messages[i].msg_hdr, messages[i].msg_len, 1, FROM);
  }
  return done;
}
int sendmmsg(int descriptor, mmsghdr* messages, unsigned count, int flags) {
  const int done = static_cast<int>(syscall(SYS_sendmmsg, descriptor, messages, count, flags));
  for (int i = 0; i < done; ++i) {
    WRITES(&messages[i].msg_len, sizeof messages[i].msg_len);
    note_message(messages[i].msg_hdr, messages[i].msg_len, 0, FROM);
  }
  return done;
}

int uv_run(uv_loop_t* running, uv_run_mode mode) {
  NEXT(uv_run);
  uv_loop_t* const before = loop;
  loop = running;
  const int result = next(running, mode);
  loop = before;
  return result;
}
int uv_async_send(uv_async_t* wake) {
  NEXT(uv_async_send);
  WRITES(wake, sizeof *wake);
  return next(wake);
}
int epoll_pwait(int descriptor, epoll_event* events, int most, int timeout, const sigset_t* signals) {
  if (loop != nullptr && file != nullptr && file->window != 0) {
    note_turn(FROM);
  }
  NEXT(epoll_pwait);
  return next(descriptor, events, most, timeout, signals);
}

}  // extern "C"
