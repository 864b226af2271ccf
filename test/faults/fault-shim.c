/*
 * Faults of the machine, put between a program and the system (LD_PRELOAD). Calls that change files under one
 * folder are counted, and the Nth of them kills the process, fails, or is done by half. The wall clock can be moved.
 *
 * SKEIN_FAULT_HOME   the folder; calls on other paths pass
 * SKEIN_FAULT_TRACE  a file that gets a line for each counted call: number, kind, bytes, path
 *
 * The program steers it by unlink() of paths that never reach the disk:
 *   /skein-fault/arm/at=3,do=kill,half=1,kinds=ws,only=.jsonl,not=.sqlite,sticky=1
 *       do: kill, or the number of an errno. at=0: only count. kinds: c create, d mkdir, l link, r rename, s sync,
 *       t truncate, u unlink, w write; all of them by default. half: a write is done by half first. sticky: every
 *       counted call from the Nth on, not that one alone.
 *   /skein-fault/disarm
 *   /skein-fault/clock/SECONDS   wall time from now on is so much later
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define CONTROL "/skein-fault/"
#define WORD_MAX 64

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile long clock_offset_s;
static volatile int armed;
static struct {
  long at, count;
  int errnum; /* 0: kill */
  int half, sticky;
  char kinds[WORD_MAX], only[WORD_MAX], not[WORD_MAX];
} plan;

static const char *home(void) {
  static const char *value;
  if (value == NULL) value = getenv("SKEIN_FAULT_HOME");
  return value == NULL ? "" : value;
}

#define REAL(name, result, ...) \
  static result (*real)(__VA_ARGS__); \
  if (real == NULL) real = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static _Noreturn void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static void trace(long count, char kind, long bytes, const char *path) {
  static int fd = -2;
  char line[PATH_MAX + 64];
  if (fd == -2) {
    const char *name = getenv("SKEIN_FAULT_TRACE");
    fd = name == NULL ? -1 : (int)syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  }
  if (fd < 0) return;
  int size = snprintf(line, sizeof line, "%ld %c %ld %s\n", count, kind, bytes, path);
  if (syscall(SYS_write, fd, line, size) < 0) return;
}

enum verdict { PASS, FAIL, HALF_FAIL, HALF_DIE };

/* What happens to this call. Dies at once where nothing of it is to happen. */
static enum verdict judge(char kind, long bytes, const char *path) {
  size_t length = strlen(home());
  if (!armed || length == 0 || strncmp(path, home(), length) != 0) return PASS;
  if (plan.kinds[0] != 0 && strchr(plan.kinds, kind) == NULL) return PASS;
  if (plan.only[0] != 0 && strstr(path, plan.only) == NULL) return PASS;
  if (plan.not[0] != 0 && strstr(path, plan.not) != NULL) return PASS;
  pthread_mutex_lock(&lock);
  long count = ++plan.count;
  trace(count, kind, bytes, path);
  int hit = plan.at > 0 && (plan.sticky ? count >= plan.at : count == plan.at);
  enum verdict verdict = PASS;
  if (hit) {
    int half = plan.half && kind == 'w' && bytes > 1;
    if (plan.errnum == 0 && !half) die();
    if (plan.errnum == 0) verdict = HALF_DIE;
    else if (half) {
      /* A full disk takes what fits, and refuses the next write. */
      verdict = HALF_FAIL;
      plan.half = 0;
      plan.at = count + 1;
    } else verdict = FAIL;
  }
  pthread_mutex_unlock(&lock);
  if (verdict == FAIL) errno = plan.errnum;
  return verdict;
}

static enum verdict judge_fd(char kind, long bytes, int fd) {
  char link[64], path[PATH_MAX];
  int saved = errno;
  if (!armed) return PASS;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t size = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
  errno = saved;
  if (size <= 0) return PASS;
  path[size] = 0;
  return judge(kind, bytes, path);
}

static void set_word(char *into, const char *value) {
  snprintf(into, WORD_MAX, "%s", value);
}

static void control(const char *command) {
  char text[PATH_MAX];
  if (strncmp(command, "clock/", 6) == 0) {
    clock_offset_s = atol(command + 6);
    return;
  }
  pthread_mutex_lock(&lock);
  armed = 0;
  if (strncmp(command, "arm/", 4) == 0) {
    memset(&plan, 0, sizeof plan);
    snprintf(text, sizeof text, "%s", command + 4);
    for (char *rest = text, *word; (word = strsep(&rest, ",")) != NULL;) {
      char *value = strchr(word, '=');
      if (value == NULL) continue;
      *value++ = 0;
      if (strcmp(word, "at") == 0) plan.at = atol(value);
      if (strcmp(word, "do") == 0) plan.errnum = strcmp(value, "kill") == 0 ? 0 : atoi(value);
      if (strcmp(word, "half") == 0) plan.half = atoi(value);
      if (strcmp(word, "sticky") == 0) plan.sticky = atoi(value);
      if (strcmp(word, "kinds") == 0) set_word(plan.kinds, value);
      if (strcmp(word, "only") == 0) set_word(plan.only, value);
      if (strcmp(word, "not") == 0) set_word(plan.not, value);
    }
    armed = 1;
  }
  pthread_mutex_unlock(&lock);
}

/* The calls. A half write goes through the same call with fewer bytes. */

#define WRITE_BY(call_all, call_half) \
  switch (judge_fd('w', (long)size, fd)) { \
    case FAIL: return -1; \
    case HALF_FAIL: return call_half; \
    case HALF_DIE: { ssize_t done = call_half; (void)done; die(); } \
    default: return call_all; \
  }

ssize_t write(int fd, const void *bytes, size_t size) {
  REAL("write", ssize_t, int, const void *, size_t);
  WRITE_BY(real(fd, bytes, size), real(fd, bytes, size / 2))
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
  REAL("pwrite", ssize_t, int, const void *, size_t, off_t);
  WRITE_BY(real(fd, bytes, size, at), real(fd, bytes, size / 2, at))
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
  REAL("pwrite64", ssize_t, int, const void *, size_t, off64_t);
  WRITE_BY(real(fd, bytes, size, at), real(fd, bytes, size / 2, at))
}

static size_t bytes_of(const struct iovec *parts, int count) {
  size_t size = 0;
  for (int n = 0; n < count; n += 1) size += parts[n].iov_len;
  return size;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL("writev", ssize_t, int, const struct iovec *, int);
  size_t size = bytes_of(parts, count);
  WRITE_BY(real(fd, parts, count), syscall(SYS_write, fd, parts[0].iov_base, parts[0].iov_len / 2))
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
  REAL("pwritev", ssize_t, int, const struct iovec *, int, off_t);
  size_t size = bytes_of(parts, count);
  WRITE_BY(real(fd, parts, count, at), syscall(SYS_pwrite64, fd, parts[0].iov_base, parts[0].iov_len / 2, at))
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
  REAL("pwritev64", ssize_t, int, const struct iovec *, int, off64_t);
  size_t size = bytes_of(parts, count);
  WRITE_BY(real(fd, parts, count, at), syscall(SYS_pwrite64, fd, parts[0].iov_base, parts[0].iov_len / 2, at))
}

#define FD_CALL(name, kind, parameters, types, arguments) \
  int name parameters { \
    static int(*real) types; \
    if (real == NULL) real = (int(*) types)dlsym(RTLD_NEXT, #name); \
    return judge_fd(kind, 0, fd) == FAIL ? -1 : real arguments; \
  }
FD_CALL(fsync, 's', (int fd), (int), (fd))
FD_CALL(fdatasync, 's', (int fd), (int), (fd))
FD_CALL(ftruncate, 't', (int fd, off_t size), (int, off_t), (fd, size))
FD_CALL(ftruncate64, 't', (int fd, off64_t size), (int, off64_t), (fd, size))

#define PATH_CALL(name, kind, parameters, types, arguments) \
  int name parameters { \
    static int(*real) types; \
    if (real == NULL) real = (int(*) types)dlsym(RTLD_NEXT, #name); \
    return judge(kind, 0, path) == FAIL ? -1 : real arguments; \
  }
PATH_CALL(mkdir, 'd', (const char *path, mode_t mode), (const char *, mode_t), (path, mode))
PATH_CALL(link, 'l', (const char *from, const char *path), (const char *, const char *), (from, path))
PATH_CALL(rename, 'r', (const char *from, const char *path), (const char *, const char *), (from, path))

int unlink(const char *path) {
  REAL("unlink", int, const char *);
  if (strncmp(path, CONTROL, strlen(CONTROL)) == 0) {
    control(path + strlen(CONTROL));
    return 0;
  }
  return judge('u', 0, path) == FAIL ? -1 : real(path);
}

#define OPEN_CALL(name) \
  int name(const char *path, int flags, ...) { \
    REAL(#name, int, const char *, int, ...); \
    mode_t mode = 0; \
    if (flags & O_CREAT) { \
      va_list more; \
      va_start(more, flags); \
      mode = va_arg(more, mode_t); \
      va_end(more); \
      /* Opening what is there changes nothing. */ \
      if (armed && syscall(SYS_faccessat, AT_FDCWD, path, F_OK) != 0 && judge('c', 0, path) == FAIL) return -1; \
    } \
    return real(path, flags, mode); \
  }
OPEN_CALL(open)
OPEN_CALL(open64)

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  REAL("gettimeofday", int, struct timeval *, void *);
  int result = real(now, zone);
  if (result == 0) now->tv_sec += clock_offset_s;
  return result;
}

int clock_gettime(clockid_t id, struct timespec *now) {
  REAL("clock_gettime", int, clockid_t, struct timespec *);
  int result = real(id, now);
  if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) now->tv_sec += clock_offset_s;
  return result;
}
