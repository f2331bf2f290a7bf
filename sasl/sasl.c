/* needs: libsasl2 */
/*
 * sasl: libsasl2 for smtpd and smtp. The library may block (PAM by way of saslauthd, a
 * database, a directory, Kerberos), so a process has one dialogue at a time. A dialogue is a
 * connection on which a "begin" is answered with a result, and further responses while that
 * says MORE.
 */
#include "base/log.h"
#include "client.h"
#include "conf/params.h"
#include "server.h"
#include "worker/worker.h"

/*
 * For the other end's next response; while all processes are taken, others should not have to
 * wait for one who does not answer.
 */
#define RESPONSE_LIMIT          MINUTES(2)
#define RESPONSE_LIMIT_STRESSED SECONDS(10)

static int send_step(struct channel *channel, const struct step *step)
{
    const struct sasl_result result = {
        .status = step->status,
        .text = buf_slice(&step->text),
        .has_text = step->has_text,
        .username = buf_slice(&step->username),
        .mechanism = slice_from(step->mechanism),
    };

    return channel_send(channel, MESSAGE_sasl_result, &result, NULL);
}

/* The response to what was sent. False: the dialogue was given up. */
static bool next_response(struct channel *channel, struct slice *text)
{
    struct sasl_response response;
    bool is_there;

    if (channel_flush(channel, NULL) < 0)
        return false;
    stream_set_deadline(
        &channel->stream,
        deadline_in(worker_is_stressed() ? RESPONSE_LIMIT_STRESSED : RESPONSE_LIMIT));
    is_there = channel_expect(channel, MESSAGE_sasl_response, &response, NULL) == 0;
    *text = is_there ? response.response : SLICE_EMPTY;
    return is_there;
}

static int serve_mechanisms(struct channel *channel,
                            const struct sasl_mechanisms_request *request)
{
    CLEANUP(buf_release) struct buf names = BUF_INIT;

    server_mechanisms(request, &names);
    return channel_send(channel, MESSAGE_sasl_mechanisms,
                        &(struct sasl_mechanisms){.names = buf_slice(&names)}, NULL);
}

static int serve_server(struct channel *channel, const struct sasl_server_begin *begin)
{
    CLEANUP(step_release) struct step step = STEP_INIT;
    CLEANUP(server_end) sasl_conn_t *connection = NULL;
    struct slice response;

    server_begin(begin, &connection, &step);
    while (step.status == SASL_STATUS_MORE) {
        if (send_step(channel, &step) < 0 || !next_response(channel, &response))
            return -1;
        server_step(connection, response, &step);
    }
    return send_step(channel, &step);
}

/*
 * The library says DONE when it has nothing more to ask; what it says with that still goes to
 * the server, whose last word is the caller's business.
 */
static int serve_client(struct channel *channel, const struct sasl_client_begin *begin)
{
    CLEANUP(step_release) struct step step = STEP_INIT;
    CLEANUP(client_release) struct client client;
    struct slice response;

    client_init(&client);
    client_begin(&client, begin, &step);
    while (step.status == SASL_STATUS_MORE) {
        if (send_step(channel, &step) < 0 || !next_response(channel, &response))
            return -1;
        client_step(&client, response, &step);
    }
    return send_step(channel, &step);
}

static int answer(struct channel *channel, enum message_number number, struct slice body)
{
    struct sasl_mechanisms_request mechanisms;
    struct sasl_server_begin server;
    struct sasl_client_begin client;
    struct error error = ERROR_INIT;

    if (number == MESSAGE_sasl_mechanisms_request &&
        message_decode(number, body, &mechanisms, &error) == 0)
        return serve_mechanisms(channel, &mechanisms);
    if (number == MESSAGE_sasl_server_begin &&
        message_decode(number, body, &server, &error) == 0)
        return serve_server(channel, &server);
    if (number == MESSAGE_sasl_client_begin &&
        message_decode(number, body, &client, &error) == 0)
        return serve_client(channel, &client);
    log_warning("unexpected message %s %s", message_name(number), error.text);
    return -1;
}

/* The configuration may hold passwords and be readable by root alone. */
static void open_configuration(void)
{
    server_prepare(slice_from(params.smtpd_sasl_path));
}

int main(int argc, char **argv)
{
    static const struct worker sasl = {
        .name = "sasl",
        .sessions_per_process = 1, /* a password check may block */
        .opens_files = true,
        .before_jail = open_configuration,
        .request = answer,
    };

    return worker_main(&sasl, argc, argv);
}
