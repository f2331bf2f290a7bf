/* The hosts file, and look-ups in what was read of it. */
#include "dns/hosts.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static char path[64];
    static int fd = -1;
    struct arena arena = ARENA_INIT;
    struct dns_answer addresses = {0}, names = {0};
    struct error error;

    if (fd < 0) {
        fd = memfd_create("hosts", MFD_CLOEXEC);
        bug_if(fd < 0);
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    bug_if(ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0);
    bug_if(fd_write_all(fd, data, size) < 0);
    if (hosts_read(path, &error) < 0)
        return 0;
    size_t n = hosts_addresses(SLICE("localhost"), AF_UNSPEC, &arena, &addresses);
    bug_if(n != addresses.n_records);
    /* Each address that has the name must lead back to it. */
    for (size_t i = 0; i < addresses.n_records; i++) {
        names = (struct dns_answer){0};
        bug_if(hosts_names(&addresses.records[i].address, &arena, &names) == 0);
    }
    arena_release(&arena);
    return 0;
}
