#include "library.h"

#include <sasl/saslutil.h>

#include "auth/sasl_security.h"
#include "base/log.h"

void step_release(struct step *step)
{
    buf_release(&step->text);
    buf_release(&step->username);
}

int library_log(void *context, int level, const char *message)
{
    (void)context;
    switch (level) {
    case SASL_LOG_ERR:
        log_warning("SASL authentication problem: %s", message);
        break;
    case SASL_LOG_FAIL:
        log_warning("SASL authentication failure: %s", message);
        break;
    case SASL_LOG_WARN:
        log_warning("SASL authentication warning: %s", message);
        break;
    case SASL_LOG_NOTE:
        log_debug(1, "SASL authentication info: %s", message);
        break;
    default:
        break; /* the finer ones may hold passwords */
    }
    return SASL_OK;
}

/* Codes that say nothing about who wants to log in. */
static bool is_temporary(int code)
{
    switch (code) {
    case SASL_FAIL:
    case SASL_NOMEM:
    case SASL_TRYAGAIN:
    case SASL_UNAVAIL:
    case SASL_CONFIGERR:
    case SASL_NOTINIT:
        return true;
    default:
        return false;
    }
}

void library_failed(struct step *step, int code)
{
    /* Whether there is such a user is no business of the client. */
    if (code == SASL_NOUSER)
        code = SASL_BADAUTH;
    step->status = is_temporary(code) ? SASL_STATUS_TEMPORARY : SASL_STATUS_FAILED;
    buf_set_text(&step->text, sasl_errstring(code, NULL, NULL));
}

void library_says(struct step *step, const char *bytes, unsigned len)
{
    unsigned size = (len + 2) / 3 * 4 + 1;
    unsigned written = 0;

    step->has_text = bytes != NULL;
    buf_reset(&step->text);
    if (len == 0 || !bytes)
        return;
    if (sasl_encode64(bytes, len, buf_reserve(&step->text, size), size, &written) != SASL_OK) {
        library_failed(step, SASL_FAIL);
        return;
    }
    step->text.len = written;
}

int library_decode(struct slice text, struct buf *out)
{
    unsigned len = 0;
    int code;

    buf_reset(out);
    code = sasl_decode64(text.ptr, (unsigned)text.len, buf_reserve(out, text.len + 1),
                         (unsigned)text.len + 1, &len);
    if (code == SASL_OK)
        out->len = len;
    return code;
}

int library_demand(sasl_conn_t *connection, unsigned demands)
{
    static const struct {
        unsigned demand, flag;
    } flags[] = {
        {SECURITY_NO_PLAINTEXT, SASL_SEC_NOPLAINTEXT},
        {SECURITY_NO_ACTIVE, SASL_SEC_NOACTIVE},
        {SECURITY_NO_DICTIONARY, SASL_SEC_NODICTIONARY},
        {SECURITY_NO_ANONYMOUS, SASL_SEC_NOANONYMOUS},
        {SECURITY_FORWARD_SECRECY, SASL_SEC_FORWARD_SECRECY},
        {SECURITY_MUTUAL_AUTH, SASL_SEC_MUTUAL_AUTH},
    };

    /* No security layer: privacy is the business of TLS. */
    sasl_security_properties_t properties = {0};

    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        if (demands & flags[i].demand)
            properties.security_flags |= flags[i].flag;
    }
    return sasl_setprop(connection, SASL_SEC_PROPS, &properties);
}
