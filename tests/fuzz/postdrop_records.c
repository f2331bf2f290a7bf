/*
 * Records that a user hands to postdrop.
 * links: cmd/postdrop/records
 */
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../cmd/postdrop/records.h"
#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "mail/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LENGTH_LIMIT = 2048 };

static void check_record(enum segment segment, char type, struct slice data)
{
    bool has_value;

    bug_if(type == '\0' || data.len > LENGTH_LIMIT);
    if (records_data_is_clean(segment, data) && type == RECORD_ATTRIBUTE)
        bug_if(records_attribute_is_allowed(data, &has_value) && !has_value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(fd_close) int fd = memfd_create("records", MFD_CLOEXEC);
    CLEANUP(records_release) struct records records = RECORDS_INIT(fd, LENGTH_LIMIT);
    enum segment segment = records.segment;
    struct slice record;
    char type;

    log_hook = log_discard;
    bug_if(fd_write_all(fd, data, size) < 0 || lseek(fd, 0, SEEK_SET) < 0);
    while (segment != SEGMENT_END && records_next(&records, &type, &record) == RECORDS_FOUND) {
        check_record(segment, type, record);
        bug_if(records.segment < segment);
        segment = records.segment;
    }
    return 0;
}
