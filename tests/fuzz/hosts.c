/* The hosts file, and look-ups in what was read of it. */
#include "dns/hosts.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* A file with that contents; the path to it. */
static const char *make_file(const unsigned char *data, size_t size)
{
    static char path[64];
    static int fd = -1;

    if (fd < 0) {
        fd = memfd_create("hosts", MFD_CLOEXEC);
        bug_if(fd < 0);
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    bug_if(ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0);
    bug_if(fd_write_all(fd, data, size) < 0);
    return path;
}

/* Each address that has the name must lead back to a name. */
static void check_addresses(const struct dns_answer *addresses, struct arena *arena)
{
    for (size_t i = 0; i < addresses->n_records; i++) {
        struct dns_answer names = {0};
        bug_if(hosts_names(&addresses->records[i].address, arena, &names) == 0);
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct arena arena = ARENA_INIT;
    struct dns_answer addresses = {0};
    struct error error;

    if (hosts_read(make_file(data, size), &error) < 0)
        return 0;
    size_t n = hosts_addresses(SLICE("localhost"), AF_UNSPEC, &arena, &addresses);
    bug_if(n != addresses.n_records);
    check_addresses(&addresses, &arena);
    arena_release(&arena);
    return 0;
}
