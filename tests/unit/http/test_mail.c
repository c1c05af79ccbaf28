/* Mails of notices: the octets, what is refused, and a small SMTP server that hears one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/mail.h"

static const struct mail good = { .from = "gateway@example.org",
                                  .to = "desk@example.org",
                                  .subject = "Un caz așteaptă: K7QX-92MD-4RTE-5",
                                  .text = "Un caz așteaptă instituția dumneavoastră.\n" };

static void test_print(void **state)
{
    AUTO(buf_free) struct buf out = BUF_INIT(4096);

    (void)state;
    mail_print(&good, INT64_C(1795510800000), "1@example.org", &out);
    assert_string_equal(
        buf_str(&out),
        "Date: Tue, 24 Nov 2026 09:00:00 +0000\r\n"
        "From: <gateway@example.org>\r\n"
        "To: <desk@example.org>\r\n"
        "Message-ID: <1@example.org>\r\n"
        "Subject: =?UTF-8?B?VW4gY2F6IGHImXRlYXB0xIM6IEs3UVgtOTJNRC00UlRFLTU=?=\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=UTF-8\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
        "VW4gY2F6IGHImXRlYXB0xIMgaW5zdGl0dcibaWEgZHVtbmVhdm9hc3RyxIMuCg==\r\n");
}

/* A long subject in words that each decode alone, and lines no server cuts. */
static void test_long_subject(void **state)
{
    AUTO(buf_free) struct buf out = BUF_INIT(8192);
    struct mail mail = good;
    struct str rest, line;

    (void)state;
    mail.subject = "Справа чакае, справа чакае, справа чакае, справа чакае, справа чакае";
    mail_print(&mail, 0, "1@example.org", &out);
    rest = str_of(buf_str(&out));
    while (str_next(&rest, '\n', &line))
        assert_true(line.len <= 77); /* with CR */
}

static void test_refused(void **state)
{
    static const struct {
        const char *url, *from, *to, *code;
    } rows[] = {
        { "smtp://127.0.0.1:9", "a@b", "c\r\nBcc: x@y", "mail.address" },
        { "smtp://127.0.0.1:9", "a b@c", "c@d", "mail.address" },
        { "smtp://127.0.0.1:9", "", "c@d", "mail.address" },
        { "smtp://127.0.0.1:9", "a@b", "c@d@e", "mail.address" },
        { "smtp://127.0.0.1:9", "a@b", "<c@d>", "mail.address" },
        { "http://127.0.0.1:9", "a@b", "c@d", "mail.url" },
        { "smtp://mail.example.org", "a@b", "c@d", "mail.tls" },
        { "smtp://127.0.0.1.example.org", "a@b", "c@d", "mail.tls" },
        { "smtps://127.0.0.1:9", "a@b", "c@d", "mail.tls" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct mail_server server = { .url = rows[i].url };
        struct mail mail = good;
        struct err err = { 0 };

        mail.from = rows[i].from;
        mail.to = rows[i].to;
        assert_false(mail_send(&server, &mail, &err));
        assert_string_equal(err.code, rows[i].code);
        assert_int_equal(err.kind, ERR_CONFIG);
    }
}

/* --- a server that speaks just enough -------------------------------------------------------- */

struct smtp {
    int listener;
    unsigned port;
    bool refuses;
    struct buf heard;
    pthread_t thread;
};

static void say(int fd, const char *text)
{
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static bool hear(int fd, struct buf *line)
{
    char c;

    buf_clear(line);
    while (recv(fd, &c, 1, 0) == 1) {
        buf_addc(line, c);
        if (c == '\n')
            return true;
    }
    return false;
}

static void talk(struct smtp *s, int fd)
{
    AUTO(buf_free) struct buf line = BUF_INIT(4096);
    bool data = false;

    say(fd, "220 here\r\n");
    while (hear(fd, &line)) {
        buf_add(&s->heard, buf_str(&line), line.len);
        if (data && text_eq(buf_str(&line), ".\r\n")) {
            data = false;
            say(fd, "250 taken\r\n");
        } else if (!data && text_starts(buf_str(&line), "DATA")) {
            data = true;
            say(fd, "354 go on\r\n");
        } else if (!data && s->refuses && text_starts(buf_str(&line), "RCPT")) {
            say(fd, "550 nobody\r\n");
        } else if (!data) {
            say(fd, "250 good\r\n");
        }
    }
}

static void *smtp_main(void *arg)
{
    struct smtp *s = arg;
    int fd = accept(s->listener, NULL, NULL);

    talk(s, fd);
    close(fd);
    return NULL;
}

static void smtp_start(struct smtp *s)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;

    s->heard = (struct buf)BUF_INIT(64 * 1024);
    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(s->listener, 1), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&at, &len), 0);
    s->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, smtp_main, s), 0);
}

static bool send_to(struct smtp *s, struct err *err)
{
    AUTO(mem_free) char *url = mem_printf("smtp://127.0.0.1:%u", s->port);
    const struct mail_server server = { .url = url, .total_ms = 5000 };
    bool ok = mail_send(&server, &good, err);

    pthread_join(s->thread, NULL);
    close(s->listener);
    return ok;
}

static void test_sent(void **state)
{
    struct smtp s = { 0 };
    struct err err = { 0 };

    (void)state;
    smtp_start(&s);
    if (!send_to(&s, &err))
        fail_msg("%s: %s", err.code, err.text);
    assert_non_null(strstr(buf_str(&s.heard), "MAIL FROM:<gateway@example.org>"));
    assert_non_null(strstr(buf_str(&s.heard), "RCPT TO:<desk@example.org>"));
    assert_non_null(strstr(buf_str(&s.heard), "Subject: =?UTF-8?B?"));
    buf_free(&s.heard);
}

static void test_not_taken(void **state)
{
    struct smtp s = { .refuses = true };
    struct err err = { 0 };

    (void)state;
    smtp_start(&s);
    assert_false(send_to(&s, &err));
    assert_string_equal(err.code, "mail.not-sent");
    assert_int_equal(err.kind, ERR_RETRY);
    assert_null(strstr(buf_str(&s.heard), "Subject"));
    buf_free(&s.heard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print),     cmocka_unit_test(test_long_subject),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_sent),
        cmocka_unit_test(test_not_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
