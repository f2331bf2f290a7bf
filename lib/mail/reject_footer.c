#include "mail/reject_footer.h"

void reject_footer_add(struct buf *text, struct slice footer)
{
    if (slice_starts_with(footer, "\\c"))
        footer = slice_from_offset(footer, 2);
    else
        buf_add_char(text, '\n');
    for (size_t i = 0; i < footer.len; i++) {
        bool is_line_end =
            footer.ptr[i] == '\\' && i + 1 < footer.len && footer.ptr[i + 1] == 'n';

        buf_add_char(text, is_line_end ? '\n' : footer.ptr[i]);
        i += is_line_end;
    }
}
