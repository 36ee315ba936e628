// The way of a question: listen -> parse -> admit -> limit -> recall -> decide -> cache -> upstream ->
// inspect -> answer -> event. pipeline.cpp is its table of contents. One worker's; everything here runs on
// that worker's loop. What workers share is among its parts.
#pragma once

#include <functional>
#include <memory>

#include "resolver/base/counters.h"
#include "resolver/cache/answer_cache.h"
#include "resolver/dns/answer.h"
#include "resolver/dns/cookie.h"
#include "resolver/events/event_ring.h"
#include "resolver/events/recent_names.h"
#include "resolver/policy/policy.h"
#include "resolver/query/blocked_answer.h"
#include "resolver/query/due_cookies.h"
#include "resolver/query/in_flight.h"
#include "resolver/query/local_names.h"
#include "resolver/query/query.h"
#include "resolver/query/rate_limiter.h"
#include "resolver/query/rebinding_guard.h"
#include "resolver/upstream/forwarder.h"

namespace cenote {

struct PipelineCounters {
  std::array<Counter, 4> queries;   // by Transport: udp, tcp, dot, doh
  std::array<Counter, 16> answers;  // by rcode
  Counter ignored;                  // no query at all, or not even a header: silence
  Counter malformed;
  Counter refused_clients;
  Counter bad_proxies;             // a PROXY header that is none, or from nobody who may send one
  Counter rate_limited;            // over the rate: dropped or told to come by TCP
  Counter local;                   // answered with names of our own
  Counter withheld;                // led from outside to inner addresses
  Counter blocked_upstream;        // what the upstream said, or showed by its address, that it blocked
  std::array<Counter, 8> actions;  // hits by Action
  Counter cached;
  Counter stale;
  Counter forwarded;    // answers that waited for an upstream
  Counter coalesced;    // of those: somebody had asked already
  Counter prefetched;   // hot answers that were asked for again before their end
  Counter unrefreshed;  // questions for the cache alone that were not asked, or given up: too many were
  Counter overloaded;   // too many wait: answered SERVFAIL at once
  Counter upstream_failures;
  Counter truncated;
};

class Pipeline final : ResolutionEvents, Follower {
 public:
  struct Parts {
    Policy& policy;
    AnswerCache& cache;
    EventRing& events;
    const BlockedAnswer& blocked_answer;
    uint64_t incident_key = 0;
    // Told of a block that only an answer's content explains, so that the page knows it at once. May be
    // empty.
    std::function<void(const Event&)> on_indirect_block;
    RecentNames* recent = nullptr;  // what had to be asked upstream; may be null
    NamesSettings names{};
    AdmissionSettings admission{};
    RebindingSettings rebinding{};
    CookieSecrets cookie_secrets{};
    // What all workers count together. Null: this pipeline is alone.
    std::shared_ptr<SharedQuestions> questions{};
    std::shared_ptr<RateLimiter> limiter{};
    std::shared_ptr<RateLimiter> refusal_limiter{};
    uint32_t configuration = 1;  // its number, the same at all workers
  };
  Pipeline(Loop& loop, Parts parts);
  ~Pipeline();

  // From the next query on. `configuration`: a number that no earlier one had. `limiter`: null: one of its
  // own.
  struct Renewed {
    NamesSettings names{};
    AdmissionSettings admission{};
    RebindingSettings rebinding{};
    CookieSecrets cookie_secrets{};
    std::shared_ptr<RateLimiter> limiter{};
    uint32_t configuration = 0;
  };
  void reload(Renewed renewed);

  // The upstream side reports to the pipeline, so it is made after it.
  void connect(Forwarder& forwarder) noexcept;
  [[nodiscard]] ResolutionEvents& resolution_events() noexcept { return *this; }

  // `buffer` begins with the message's `size` bytes and has room for the answer (512 at least, for a stream
  // 65535). Returns the answer's size, or 0: silence, or, when promised() has grown, a reply that follows
  // through `path.sink`.
  size_t on_message(const ReplyPath& path, MutableBytes buffer, size_t size) noexcept;

  // A listener has dropped a datagram or connection whose sender it cannot believe.
  void count_bad_proxy() noexcept { counters_.bad_proxies.add(); }
  [[nodiscard]] const PipelineCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] size_t waiting() const noexcept {
    return in_flight_.waiting() + displaced_.size();  // of these some more wait, for this turn's end
  }
  // Does anybody wait for a question that was asked by then?
  [[nodiscard]] bool waits_since(MonoTime then) { return in_flight_.waits_since(then); }
  // The worker takes no more questions: what others wait for here is theirs to ask from now on.
  void resign() { in_flight_.resign(); }
  // So many queries have begun to wait so far: each gets one reply.
  [[nodiscard]] uint64_t promised() const noexcept { return promised_; }
  // What the last of them is called in abandon().
  [[nodiscard]] uint64_t last_promise() const noexcept { return last_promise_; }
  // Does anybody wait for it yet?
  [[nodiscard]] bool is_waiting(uint64_t promise) { return in_flight_.find(promise) != nullptr; }
  // Their client has gone: of these queries those that came by this sink and connection wait no more, and
  // count no more, from the loop's next turn on. Others, and what has been answered, are passed over.
  void abandon(const ReplyPath& path, std::vector<uint64_t> promises);

 private:
  // What a stage says: the query goes on to the next one, or it is done with an answer of so many bytes.
  struct Step {
    bool done;
    size_t size;
  };
  static constexpr Step kNext{false, 0};
  static Step done(size_t size) noexcept { return {true, size}; }

  Step parse(Query& query) noexcept;
  void admit(Query& query) noexcept;
  Step limit(Query& query) noexcept;
  Step refuse(Query& query) noexcept;
  Step recall(Query& query) noexcept;
  Step decide(Query& query) noexcept;
  Step answer_locally(Query& query) noexcept;
  Step begin_own_chain(Query& query) noexcept;
  [[nodiscard]] LocalNames::Match find_local(const Name& name) const noexcept;
  Step answer_from_cache(Query& query) noexcept;
  Step answer_from_cut(Query& query, MonoTime now) noexcept;
  Step ask_upstream(Query& query) noexcept;
  void ask(const CacheKey& key, uint64_t cookie) noexcept;
  [[nodiscard]] bool can_ask(const CacheKey& key) const noexcept;
  void refresh(const CacheKey& key) noexcept;
  void dismiss_displaced();
  void answer_displaced();
  void leave(const ReplyPath& path, uint64_t cookie);
  void drop_if_too_many(uint64_t cookie);
  void on_overdue(uint64_t cookie);
  void give_up_following(uint64_t cookie);
  // By number, under what a name is judged today: the snapshot and the configuration. The same at all
  // workers, for they share what they find out. Of its two parts neither ever goes back.
  [[nodiscard]] uint32_t rules() const noexcept;
  void choose_options(Query& query) noexcept;
  void choose_nsid(Query& query) const noexcept;
  [[nodiscard]] WallTime wall_time() noexcept;
  [[nodiscard]] bool is_exempt(const IpAddress& client) const noexcept;
  [[nodiscard]] bool is_proven(const Query& query) const noexcept;
  void on_resolved(uint64_t cookie, Resolution& resolution) override;
  // How far an answer has come whose chain of aliases may have an open end.
  enum class Progress : uint8_t {
    kWhole,
    kWaits,     // for what comes behind its end
    kUnwanted,  // whoever waits here may not have it: nobody asks on
  };
  Progress complete(uint64_t cookie, const InFlight::Group& group, Resolution& resolution);
  void go_on_from_own(uint64_t cookie);
  void add_rest(uint64_t cookie, const InFlight::Group& group, Resolution& resolution);
  static void join(Resolution& beginning, const Resolution& rest, bool dnssec_ok);
  [[nodiscard]] bool is_wanted(const InFlight::Group& group, Bytes message);
  bool find_known(CacheKey& key, bool renewed, Resolution& found);
  bool answer_for_ourselves(const CacheKey& key, ScrubbedResponse& found);
  bool ask_on(uint64_t cookie, const InFlight::Group& group, const CacheKey& key, Resolution& resolution);
  AnswerCache::Entry* keep(const CacheKey& key, ScrubbedResponse& response);
  [[nodiscard]] bool must_stay_guarded(const InFlight::Group& group,
                                       const Resolution& resolution) const noexcept;
  void on_followed(uint64_t cookie, std::shared_ptr<const Resolution> resolution) override;
  void end_following(uint64_t cookie, const Resolution* resolution);
  void answer_group(InFlight::Group& group, const Resolution& resolution, AnswerCache::Entry* entry);

  // Who waits, by the groups of today.
  [[nodiscard]] Policy::Asker asker_of(const WaitingQuery& waiter) const noexcept;
  template <typename Answer>
  void answer_each(std::vector<WaitingQuery>& waiters, Answer&& answer);
  // What upstream said, now or some time ago.
  struct Said {
    Bytes message;
    bool is_guarded;  // against rebinding
    AnswerCache::Entry::Findings& findings;
    const ExtendedError* error = nullptr;     // what the client is told: ours or upstream's
    const ExtendedError* upstream = nullptr;  // upstream's, whatever the client is told
  };
  size_t answer_waiter(Query& query, const InFlight::Group& group, const Resolution& resolution,
                       AnswerCache::Entry::Findings& findings) noexcept;
  size_t answer_from_entry(Query& query, AnswerCache::Entry& entry, MonoTime now) noexcept;
  size_t answer_with(Query& query, const Said& said) noexcept;
  size_t withhold(Query& query, LeadsTo place, const ExtendedError* error) noexcept;
  size_t copy_answer(Query& query, Bytes upstream, const ExtendedError* error) noexcept;
  void count_error(Ede code) noexcept;
  size_t answer_failure(Query& query, const CacheKey& key, const Resolution& resolution) noexcept;
  void answer_from_cache(InFlight::Group& group, AnswerCache::Entry& entry);
  size_t block(Query& query, Bytes chain) noexcept;
  size_t error(Query& query, Rcode rcode) noexcept;
  size_t error(Query& query, Rcode rcode, Ede code, std::string_view text) noexcept;
  size_t refuse_stranger(Query& query) noexcept;
  IncidentId record(const Query& query) noexcept;
  void count_answer(Bytes answer) noexcept;
  // Of the key's name and type. False: no upstream serves it.
  [[nodiscard]] bool find_zone(CacheKey& key) const noexcept;
  [[nodiscard]] bool find_key(Query& query) const noexcept;  // likewise

  // In the place of a zone's number: the site's own names, of which one leads elsewhere.
  static constexpr uint32_t kOwnNames = 0;

  Loop& loop_;
  Parts parts_;
  Forwarder* forwarder_ = nullptr;
  InFlight in_flight_;
  uint64_t promised_ = 0;
  uint64_t last_promise_ = 0;
  std::vector<InFlight::Group> displaced_;  // to be answered in the next turn
  std::unique_ptr<LocalNames> local_names_;
  Quiescence::Reader reading_;  // the cache; from the first look of a turn to its end
  TurnEnd turn_end_;
  RebindingGuard rebinding_guard_;
  MonoTime withholding_told_ = MonoTime{} - seconds{60};  // in the log
  CookieMaker cookies_;
  DueCookies overdue_;    // questions that a stale answer could serve
  DueCookies following_;  // those of others, until this worker believes no more that an answer comes
  // The wall clock, read once a second and carried on by the loop's.
  WallTime wall_;
  MonoTime wall_read_ = MonoTime{} - seconds{10};
  // A cached message with today's TTLs, before its content is judged.
  std::array<uint8_t, kMaxMessageBytes> scratch_;
  std::array<uint8_t, kMaxMessageBytes> reply_;  // answers of those who waited
  PipelineCounters counters_;
};

}  // namespace cenote
