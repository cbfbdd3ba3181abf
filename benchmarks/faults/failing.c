/* Makes one call of a program fail, as a disk does, or cuts the power: preloaded, it counts every write, fsync and rename
   below a folder.

   FAULT_HOME  the folder; calls elsewhere neither count nor fail
   FAULT_STATE a file of two 64-bit numbers, shared by all processes of the run: calls, bytes written
   FAULT_AT    the call that fails (from 1); 0: none
   FAULT_ROOM  bytes that may be written before every further write fails for want of space; absent: no end
   FAULT_LOG   a file that gets a line for each call that failed, or before which the power went: its kind and path
   FAULT_CUT   the call before which the power goes (from 1): every process of the group ends there; absent: none
   FAULT_STORE a folder that gets what was flushed of each file (f) and folder (d), under its inode and moment of birth;
               of a folder a line a name: key, mode, name */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int64_t *state;
static const char *home, *log_path, *store;
static int64_t at, cut, room = -1;
static size_t length;

__attribute__((constructor)) static void begin(void) {
    const char *file = getenv("FAULT_STATE");
    home = getenv("FAULT_HOME");
    log_path = getenv("FAULT_LOG");
    if (!file || !home || !log_path) { home = NULL; return; }
    length = strlen(home);
    at = atoll(getenv("FAULT_AT") ? getenv("FAULT_AT") : "0");
    cut = atoll(getenv("FAULT_CUT") ? getenv("FAULT_CUT") : "0");
    store = getenv("FAULT_STORE");
    if (getenv("FAULT_ROOM")) room = atoll(getenv("FAULT_ROOM"));
    int fd = open(file, O_RDWR | O_CLOEXEC);
    void *found = fd < 0 ? MAP_FAILED : mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0) close(fd);
    if (found == MAP_FAILED) { home = NULL; return; }
    state = found;
}

static int below(const char *path) {
    return home && !strncmp(path, home, length) && (path[length] == '/' || !path[length]);
}

/* The path behind a descriptor, or that of a name, which may be relative. */
static const char *of_descriptor(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    path[n < 0 ? 0 : n] = 0;
    return path;
}

static const char *of_name(const char *name, char *path) {
    if (*name == '/' || !getcwd(path, PATH_MAX)) return name;
    strncat(path, "/", PATH_MAX - strlen(path) - 1);
    return strncat(path, name, PATH_MAX - strlen(path) - 1);
}

static int told(const char *kind, const char *path, int number) {
    char line[PATH_MAX + 64];
    int n = snprintf(line, sizeof line, "%s %s\n", kind, path);
    int fd = syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd >= 0) { syscall(SYS_write, fd, line, n); syscall(SYS_close, fd); }
    errno = number;
    return 1;
}

/* Whether this call is the one that fails. */
static int fails(const char *kind, const char *path, int64_t bytes, int number) {
    int before = errno;
    if (!below(path)) { errno = before; return 0; }
    int64_t call = __atomic_add_fetch(&state[0], 1, __ATOMIC_SEQ_CST);
    int64_t written = __atomic_add_fetch(&state[1], bytes, __ATOMIC_SEQ_CST);
    if (cut && call >= cut) {
        if (call == cut) told(kind, path, 0);
        kill(0, SIGKILL);
        pause();
    }
    if (call == at) return told(kind, path, number);
    if (room >= 0 && bytes && written > room) return told(kind, path, ENOSPC);
    errno = before;
    return 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define WRITER(name, bytes, arguments, ...)                                          \
    ssize_t name arguments {                                                         \
        char path[PATH_MAX];                                                         \
        if (home && fails("write", of_descriptor(fd, path), bytes, ENOSPC)) return -1; \
        return REAL(name)(__VA_ARGS__);                                              \
    }

static int64_t total(const struct iovec *parts, int count) {
    int64_t found = 0;
    for (int i = 0; i < count; i++) found += parts[i].iov_len;
    return found;
}

WRITER(write, (int64_t)n, (int fd, const void *data, size_t n), fd, data, n)
WRITER(pwrite, (int64_t)n, (int fd, const void *data, size_t n, off_t to), fd, data, n, to)
WRITER(pwrite64, (int64_t)n, (int fd, const void *data, size_t n, off64_t to), fd, data, n, to)
WRITER(writev, total(parts, n), (int fd, const struct iovec *parts, int n), fd, parts, n)

/* The name in the store of what a folder, or a descriptor without a name, holds; its mode beside it. */
static int identified(int fd, const char *name, char *key, size_t n, unsigned int *mode) {
    struct statx found;
    unsigned int wanted = STATX_INO | STATX_MODE | STATX_BTIME;
    if (statx(fd, name, *name ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH, wanted, &found)) return 0;
    if (!S_ISDIR(found.stx_mode) && !S_ISREG(found.stx_mode)) return 0;
    int born = !!(found.stx_mask & STATX_BTIME);
    snprintf(key, n, "%c%llu-%lld.%u", S_ISDIR(found.stx_mode) ? 'd' : 'f', (unsigned long long)found.stx_ino,
             born ? (long long)found.stx_btime.tv_sec : 0, born ? found.stx_btime.tv_nsec : 0);
    *mode = found.stx_mode & 07777;
    return 1;
}

static void keep_names(int fd, FILE *to) {
    char key[96];
    unsigned int mode;
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = again < 0 ? NULL : fdopendir(again);
    for (struct dirent *one; folder && (one = readdir(folder));)
        if (strcmp(one->d_name, ".") && strcmp(one->d_name, "..") && identified(again, one->d_name, key, sizeof key, &mode))
            fprintf(to, "%s %o %s\n", key, mode, one->d_name);
    if (folder) closedir(folder);
}

/* Through the descriptor itself where it can be read: to close another one would let go of SQLite's locks. */
static void keep_content(int fd, FILE *to) {
    char block[65536], link[64];
    int other = -1;
    off_t from = 0;
    if (pread(fd, block, 1, 0) < 0) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        fd = other = open(link, O_RDONLY | O_CLOEXEC);
    }
    for (ssize_t n; (n = pread(fd, block, sizeof block, from)) > 0; from += n) fwrite(block, 1, n, to);
    if (other >= 0) close(other);
}

/* What the disk holds from now on of what was flushed. */
static void keep(int fd) {
    char key[96], name[PATH_MAX], part[PATH_MAX];
    unsigned int mode;
    if (!identified(fd, "", key, sizeof key, &mode)) return;
    snprintf(name, sizeof name, "%s/%s", store, key);
    snprintf(part, sizeof part, "%s/part.%ld", store, syscall(SYS_gettid));
    FILE *to = fopen(part, "w");
    if (!to) return;
    (*key == 'd' ? keep_names : keep_content)(fd, to);
    fclose(to);
    syscall(SYS_renameat2, AT_FDCWD, part, AT_FDCWD, name, 0);
}

#define SYNCER(name)                                                                 \
    int name(int fd) {                                                               \
        char path[PATH_MAX];                                                         \
        if (home && fails("fsync", of_descriptor(fd, path), 0, EIO)) return -1;      \
        int done = REAL(name)(fd), number = errno;                                   \
        if (home && store && !done && below(path)) keep(fd);                         \
        errno = number;                                                              \
        return done;                                                                 \
    }
SYNCER(fsync)
SYNCER(fdatasync)

#define RENAMER(name, arguments, ...)                                                \
    int name arguments {                                                             \
        char path[PATH_MAX];                                                         \
        if (home && fails("rename", of_name(to, path), 0, EIO)) return -1;           \
        return REAL(name)(__VA_ARGS__);                                              \
    }
RENAMER(rename, (const char *from, const char *to), from, to)
RENAMER(renameat, (int a, const char *from, int b, const char *to), a, from, b, to)
RENAMER(renameat2, (int a, const char *from, int b, const char *to, unsigned int how), a, from, b, to, how)
