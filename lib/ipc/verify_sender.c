#include "ipc/verify_sender.h"

#include "base/time.h"
#include "conf/params.h"
#include "mail/address.h"

/* Digits without vowels, so that no words come out. */
static void add_number(struct buf *out, int64_t number)
{
    static const char digits[] = "0123456789BCDFGHJKLMNPQRSTVWXYZ";
    const int64_t base = sizeof(digits) - 1;
    char text[20];
    size_t start = sizeof(text);

    do {
        text[--start] = digits[number % base];
        number /= base;
    } while (number > 0 && start > 0);
    buf_add(out, text + start, sizeof(text) - start);
}

static bool is_null(struct slice sender)
{
    return sender.len == 0 || slice_equals(sender, "<>");
}

/* As it is, or was that many periods ago. */
static void make(struct buf *address, int periods_ago)
{
    struct slice sender = slice_from(params.address_verify_sender);
    struct slice domain = address_domain(sender);
    int64_t ttl_ms = params.address_verify_sender_ttl;

    if (is_null(sender))
        return;
    buf_add_slice(address, address_local_part(sender));
    if (ttl_ms > 0)
        add_number(address, SECONDS(time_wall_seconds()) / ttl_ms - periods_ago);
    buf_add_char(address, '@');
    buf_add_slice(address, domain.len ? domain : slice_from(params.myorigin));
}

void verify_sender_make(struct buf *address)
{
    make(address, 0);
}

static bool is_of_period(struct slice address, int periods_ago)
{
    CLEANUP(buf_release) struct buf sender = BUF_INIT;

    make(&sender, periods_ago);
    return sender.len > 0 && slice_same_nocase(address, buf_slice(&sender));
}

bool verify_sender_is_ours(struct slice address)
{
    return is_of_period(address, 0) ||
           (params.address_verify_sender_ttl > 0 && is_of_period(address, 1));
}
