/*
 * workers.c - a service's bounded queue and the threads that serve it.
 *
 * A worker takes an exchange, lets the handler answer, and frees it. The answer is made ready
 * here, on the worker's thread (http/response), and handed to the loop by a list and a wake-up;
 * the worker never waits for the peer. When the server stops, what waits in the queue is
 * dropped unserved: its sender got no answer, so it will come again.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/server_private.h"
#include "pki/cert.h"

#define WORKERS_DEFAULT 4
#define QUEUE_DEFAULT   64

struct workers {
    const struct http_service *service;
    struct core *core;
    pthread_t *threads;
    unsigned thread_count;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t change;
    struct http_exchange **queue; /* a ring */
    unsigned first, waiting, queue_max;
    bool stop;
};

/* --- exchanges -------------------------------------------------------------------------------- */

void exchange_drop(struct http_exchange *exchange)
{
    if (exchange->note_free != NULL && exchange->note != NULL)
        exchange->note_free(&exchange->note);
    http_head_free(&exchange->head);
    cert_free(&exchange->peer.cert);
    source_free(&exchange->body);
    mem_free(&exchange->reply);
    mem_free(&exchange);
}

void core_wake(struct core *core)
{
    (void)eventfd_write(core->wake_fd, 1);
}

static void send_reply(struct http_reply *reply)
{
    struct core *core = reply->core;

    pthread_mutex_lock(&core->lock);
    reply->next = core->done;
    core->done = reply;
    pthread_mutex_unlock(&core->lock);
    core_wake(core);
}

void http_respond(struct http_exchange *exchange, const struct http_answer *answer)
{
    struct http_reply *reply = TAKE(exchange->reply);
    struct response unsent = { 0 };
    struct err err = { 0 };

    if (reply == NULL) {
        AUTO(source_free) struct source *source = answer->source;

        log_error("http.answered-twice", log_s("listener", exchange->listener));
        return;
    }
    if (!response_make(answer, reply->core->spool_dir, reply->core->budget, &unsent,
                       &err))
        log_error("http.answer", log_s("listener", exchange->listener), log_fault(&err));
    reply->response = unsent;
    send_reply(reply);
}

void exchange_end(struct http_exchange *exchange, const char *service)
{
    if (exchange->reply != NULL) {
        log_error("http.not-answered", log_s("service", service));
        http_respond(exchange, &(struct http_answer){ .status = 500 });
    }
    exchange_drop(exchange);
}

/* --- threads ---------------------------------------------------------------------------------- */

static struct http_exchange *next_exchange(struct workers *workers)
{
    struct http_exchange *exchange = NULL;

    pthread_mutex_lock(&workers->lock);
    while (workers->waiting == 0 && !workers->stop)
        pthread_cond_wait(&workers->change, &workers->lock);
    if (!workers->stop) {
        exchange = workers->queue[workers->first];
        workers->first = (workers->first + 1) % workers->queue_max;
        workers->waiting--;
        count_down(workers->core, COUNT_QUEUED);
    }
    pthread_mutex_unlock(&workers->lock);
    return exchange;
}

static void *work(void *arg)
{
    struct workers *workers = arg;
    const struct http_service *service = workers->service;
    void *own = service->worker_new != NULL ? service->worker_new(service->ctx) : NULL;
    struct http_exchange *exchange;

    while ((exchange = next_exchange(workers)) != NULL) {
        count_up(workers->core, COUNT_WORKING);
        exchange->worker = own;
        service->handle(service->ctx, exchange);
        exchange_end(exchange, service->name);
        count_down(workers->core, COUNT_WORKING);
    }
    if (service->worker_free != NULL)
        service->worker_free(service->ctx, own);
    return NULL;
}

/* Signals are for the thread that waits for them; SIGPIPE is for nobody. */
static int start_thread(pthread_t *ret, void *(*run)(void *), void *arg)
{
    sigset_t all, before;
    int result;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    result = pthread_create(ret, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

struct workers *workers_start(const struct http_service *service, struct core *core,
                              struct err *err)
{
    struct workers *workers = mem_alloc(sizeof *workers);
    unsigned count = service->workers > 0 ? service->workers : WORKERS_DEFAULT;
    int failed = 0;

    workers->service = service;
    workers->core = core;
    workers->queue_max = service->queue_max > 0 ? service->queue_max : QUEUE_DEFAULT;
    workers->queue = mem_array(workers->queue_max, sizeof *workers->queue);
    workers->threads = mem_array(count, sizeof *workers->threads);
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->change, NULL);
    while (workers->thread_count < count && failed == 0) {
        failed = start_thread(&workers->threads[workers->thread_count], work, workers);
        workers->thread_count += failed == 0;
    }
    if (failed != 0) {
        workers_stop(&workers);
        (void)err_set(err, ERR_RETRY, "http.threads", "service %s: starting a thread: %s",
                      service->name, strerror(failed));
    }
    return workers;
}

const struct http_service *workers_service(const struct workers *workers)
{
    return workers->service;
}

bool workers_push(struct workers *workers, struct http_exchange *exchange)
{
    bool room;

    pthread_mutex_lock(&workers->lock);
    room = workers->waiting < workers->queue_max;
    if (room) {
        workers->queue[(workers->first + workers->waiting) % workers->queue_max] =
            exchange;
        workers->waiting++;
        count_up(workers->core, COUNT_QUEUED);
        pthread_cond_signal(&workers->change);
    }
    pthread_mutex_unlock(&workers->lock);
    return room;
}

static void drop_waiting(struct workers *workers)
{
    while (workers->waiting > 0) {
        exchange_drop(workers->queue[workers->first]);
        workers->first = (workers->first + 1) % workers->queue_max;
        workers->waiting--;
        count_down(workers->core, COUNT_QUEUED);
    }
}

void workers_stop(struct workers **workers)
{
    struct workers *w = TAKE(*workers);

    if (w == NULL)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_broadcast(&w->change);
    pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->thread_count; i++)
        pthread_join(w->threads[i], NULL);
    drop_waiting(w);
    pthread_cond_destroy(&w->change);
    pthread_mutex_destroy(&w->lock);
    mem_free(&w->threads);
    mem_free(&w->queue);
    mem_free(&w);
}
