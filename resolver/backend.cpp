#include "resolver/backend.h"

#include <algorithm>
#include <new>

#include "resolver/base/log.h"
#include "resolver/control/on_loop.h"
#include "resolver/control/traffic.h"
#include "resolver/dns/types.h"
#include "resolver/net/watchdog.h"
#include "resolver/web.h"

namespace cenote {
namespace {

constexpr std::array<std::string_view, 4> kTransports{"udp", "tcp", "dot", "doh"};

template <typename Read>
uint64_t sum(const Backend::Workers& workers, Read&& read) {
  uint64_t total = 0;
  for (const auto& worker : workers) {
    total += read(*worker);
  }
  return total;
}

uint64_t hits(const PipelineCounters& counters, bool blocks) {
  uint64_t total = 0;
  for (size_t action = 0; action < counters.actions.size(); ++action) {
    const bool is_monitor = action == static_cast<size_t>(Action::kMonitor);
    total += is_monitor != blocks ? counters.actions[action].value() : 0;
  }
  return total;
}

std::string server_text(const UpstreamServer& server) {
  constexpr std::array<std::string_view, 4> kSchemes{"udp", "tcp", "tls", "https"};
  return fmt::format("{}://{}{}{}{}", kSchemes[static_cast<size_t>(server.scheme)], server.address.to_text(),
                     server.path, server.tls_name.empty() ? "" : "#", server.tls_name);
}

void add_health(UpstreamStatus& status, const ServerPool::Health& health) {
  status.asked += health.asked.value();
  status.answered += health.answered.value();
  status.timed_out += health.timed_out.value();
  status.bad += health.bad.value();
  status.is_down |= health.is_down.value() != 0;
  status.round_trip = std::max(status.round_trip, std::chrono::duration_cast<milliseconds>(
                                                      std::chrono::microseconds{health.smoothed_us.value()}));
}

// The workers ask the same servers in the same order: their numbers add up, and one that is down for any is
// down.
std::vector<UpstreamStatus> upstreams(const Backend::Workers& workers) {
  std::vector<UpstreamStatus> all;
  for (const auto& worker : workers) {
    worker->read_servers([&](const ServerPool& pool) {
      size_t row = 0;
      for (uint16_t zone = 0; zone < pool.zone_count(); ++zone) {
        for (const uint16_t index : pool.servers_of(zone)) {
          if (row == all.size()) {
            all.emplace_back();
            all.back().zone = pool.zone_name(zone).to_text();
            all.back().server = server_text(pool.server(index));
          }
          add_health(all[row++], pool.health(index));
        }
      }
    });
  }
  return all;
}

void collect_queries(MetricsPage& page, const Backend::Workers& workers) {
  for (size_t i = 0; i < kTransports.size(); ++i) {
    page.counter(
        "cenote_queries_total", "Queries received.",
        static_cast<double>(sum(workers, [&](const Worker& w) { return w.counters().queries[i].value(); })),
        {{"transport", std::string(kTransports[i])}});
  }
  for (uint8_t rcode = 0; rcode < 6; ++rcode) {
    page.counter("cenote_answers_total", "Answers sent, by response code.",
                 static_cast<double>(
                     sum(workers, [&](const Worker& w) { return w.counters().answers[rcode].value(); })),
                 {{"rcode", std::string(rcode_text(rcode))}});
  }
  for (size_t action = 1; action < 7; ++action) {
    page.counter("cenote_hits_total", "Queries that an indicator covered, by what was done.",
                 static_cast<double>(
                     sum(workers, [&](const Worker& w) { return w.counters().actions[action].value(); })),
                 {{"action", std::string(to_text(static_cast<Action>(action)))}});
  }
}

void collect_faults(MetricsPage& page, const std::vector<Fault>& faults) {
  for (size_t i = 0; i < kParts; ++i) {
    const auto part = static_cast<Part>(i);
    const MetricsPage::Labels labels{{"part", std::string(to_text(part))}};
    const auto count = [&](bool is_off) {
      return static_cast<double>(std::count_if(faults.begin(), faults.end(), [&](const Fault& fault) {
        return fault.part == part && fault.is_off == is_off;
      }));
    };
    page.gauge("cenote_part_off", "1 while a part of the server is off for a fault.", count(true), labels);
    page.gauge("cenote_part_impaired", "1 while a part works, but not as configured.", count(false), labels);
  }
}

struct NamedCounter {
  const char* name;
  const char* help;
  const Counter PipelineCounters::*counter;
};
constexpr std::array<NamedCounter, 16> kPipelineCounters{{
    {"cenote_ignored_total", "Datagrams and messages that were no query: not answered.",
     &PipelineCounters::ignored},
    {"cenote_malformed_total", "Queries answered with FORMERR.", &PipelineCounters::malformed},
    {"cenote_refused_clients_total", "Queries of clients that may not ask.",
     &PipelineCounters::refused_clients},
    {"cenote_bad_proxies_total",
     "Datagrams and connections dropped for their PROXY header, or for want of one.",
     &PipelineCounters::bad_proxies},
    {"cenote_cached_answers_total", "Answers from the cache.", &PipelineCounters::cached},
    {"cenote_stale_answers_total", "Answers from the cache past their time, for upstream failed.",
     &PipelineCounters::stale},
    {"cenote_forwarded_answers_total", "Answers that waited for an upstream.", &PipelineCounters::forwarded},
    {"cenote_prefetched_total", "Hot answers asked for again before their end.",
     &PipelineCounters::prefetched},
    {"cenote_unrefreshed_total",
     "Questions for the cache alone that were not asked, or given up, because too many were under way.",
     &PipelineCounters::unrefreshed},
    {"cenote_local_answers_total", "Answers with names of our own.", &PipelineCounters::local},
    {"cenote_rebinding_withheld_total", "Answers from outside that led to inner addresses: withheld.",
     &PipelineCounters::withheld},
    {"cenote_upstream_blocked_total",
     "Answers that the upstream blocked, filtered or forged: it said so, or answered 0.0.0.0 or ::.",
     &PipelineCounters::blocked_upstream},
    {"cenote_rate_limited_total", "Queries over a client's rate, dropped or told to come by TCP.",
     &PipelineCounters::rate_limited},
    {"cenote_coalesced_total", "Queries that waited for an answer somebody had asked for already.",
     &PipelineCounters::coalesced},
    {"cenote_overloaded_total", "Queries refused because too many were waiting.",
     &PipelineCounters::overloaded},
    {"cenote_upstream_failures_total", "Questions that no upstream answered usefully.",
     &PipelineCounters::upstream_failures},
}};

void collect_loops(MetricsPage& page, const Watchdog& watchdog, const Backend::Workers& workers,
                   const ClientPlaces& places) {
  for (const Watchdog::Watched& one : watchdog.watched()) {
    const MetricsPage::Labels labels{{"loop", one.name}};
    const LoopTurns& turns = one.loop->turns();
    page.counter("cenote_loop_turns_total", "Turns of an event loop.",
                 static_cast<double>(turns.turns.value()), labels);
    page.counter("cenote_loop_slow_turns_total", "Turns of an event loop that took 250 ms or longer.",
                 static_cast<double>(turns.slow.value()), labels);
    page.gauge("cenote_loop_stands_still", "1 while an event loop does not turn.", one.stands ? 1 : 0,
               labels);
  }
  page.counter(
      "cenote_refused_connections_total",
      "Connections for DNS that were refused by a limit, for nobody could make room: places or descriptors.",
      static_cast<double>(sum(workers, [](const Worker& w) { return w.refused_connections(); })));
  page.counter("cenote_displaced_connections_total",
               "Connections for DNS that made room for a newcomer at a limit.",
               static_cast<double>(places.displaced()));
  page.gauge("cenote_connections", "Connections for DNS that are open.",
             static_cast<double>(places.connections()));
  page.counter("cenote_passed_over_total",
               "Datagrams not served because their client floods a worker that is behind.",
               static_cast<double>(sum(workers, [](const Worker& w) { return w.passed_over(); })));
}

}  // namespace

Backend::Backend(Updater& updater, const Recorder& recorder, Web& web, const Workers& workers,
                 const AnswerCache& cache, const ClientPlaces& places, std::vector<Listener> listeners,
                 const Faults& faults, const Watchdog& watchdog)
    : updater_(updater),
      recorder_(recorder),
      web_(web),
      workers_(workers),
      cache_(cache),
      places_(places),
      watchdog_(watchdog),
      listeners_(std::move(listeners)),
      faults_(faults),
      started_(wall_now()) {}

bool Backend::is_ready() const {
  return std::all_of(workers_.begin(), workers_.end(),
                     [](const auto& worker) { return worker->generation() != 0; });
}

Unready Backend::unready() {
  Unready found;
  for (const Watchdog::Watched& one : watchdog_.watched()) {
    if (one.stands) {
      found.resolution.push_back(one.name + " stands still");
    }
  }
  for (size_t i = 0; i < workers_.size(); ++i) {
    if (!workers_[i]->can_resolve()) {
      found.resolution.push_back(fmt::format("no upstream answers worker {}", i));
    }
    if (workers_[i]->generation() == 0) {
      found.policy.push_back(fmt::format("worker {} has no policy yet", i));
    }
  }
  probe_upstreams();
  return found;
}

// However often somebody looks.
void Backend::probe_upstreams() {
  constexpr milliseconds kBetween = Exchange::kTotal + milliseconds{500};  // one at a time
  const MonoTime now = mono_now();
  if (now < next_probe_) {
    return;
  }
  next_probe_ = now + kBetween;
  for (const auto& worker : workers_) {
    worker->probe_upstreams();
  }
}

ServerStatus Backend::status() const {
  ServerStatus status;
  status.started = started_;
  status.generation = updater_.generation();
  if (const Snapshot* snapshot = web_.policy().snapshot()) {
    status.names = snapshot->names();
    status.addresses = snapshot->addresses();
    status.snapshot_bytes = snapshot->bytes();
  }
  status.workers = workers_.size();
  for (const auto& worker : workers_) {
    const PipelineCounters& counters = worker->counters();
    for (const Counter& transport : counters.queries) {
      status.queries += transport.value();
    }
    status.blocked += hits(counters, true);
    status.monitored += hits(counters, false);
    status.cached += counters.cached.value();
    status.forwarded += counters.forwarded.value();
    status.upstream_failures += counters.upstream_failures.value();
  }
  const CacheShard::Counts cache = cache_.counts();
  status.cache_entries = cache.entries;
  status.cache_bytes = cache.bytes;
  status.events_dropped = recorder_.dropped();
  status.faults = faults_.all();
  for (const Listener& listener : listeners_) {
    if (!listener.part || !faults_.is_off(*listener.part)) {
      status.listeners.push_back(listener.text);
    }
  }
  status.upstreams = upstreams(workers_);
  status.state = updater_.state_health();
  return status;
}

void Backend::collect(MetricsPage& page) const {
  collect_queries(page, workers_);
  collect_loops(page, watchdog_, workers_, places_);
  for (const NamedCounter& named : kPipelineCounters) {
    page.counter(named.name, named.help, static_cast<double>(sum(workers_, [&](const Worker& w) {
                   return (w.counters().*named.counter).value();
                 })));
  }
  const ServerStatus now = status();
  page.gauge("cenote_generation", "Generation of the policy in force.", static_cast<double>(now.generation));
  page.gauge("cenote_names", "Names listed.", static_cast<double>(now.names));
  page.gauge("cenote_addresses", "Address blocks listed.", static_cast<double>(now.addresses));
  page.gauge("cenote_snapshot_bytes", "Memory of the compiled policy.",
             static_cast<double>(now.snapshot_bytes));
  page.gauge("cenote_cache_entries", "Answers in the cache.", static_cast<double>(now.cache_entries));
  page.gauge("cenote_cache_bytes", "Memory of the cache.", static_cast<double>(now.cache_bytes));
  page.counter("cenote_cache_refused_total",
               "Answers that were not kept, for a worker that stands still keeps memory from being freed.",
               static_cast<double>(cache_.counts().refused));
  page.counter("cenote_events_recorded_total", "Hits recorded.", static_cast<double>(recorder_.recorded()));
  page.counter("cenote_events_condensed_total", "Hits recorded that share an event with others.",
               static_cast<double>(recorder_.condensed()));
  page.counter("cenote_events_omitted_total",
               "Hits counted only, for their client has more different ones than events.rate.",
               static_cast<double>(recorder_.omitted()));
  page.counter("cenote_events_dropped_total", "Hits lost because the recorder fell behind.",
               static_cast<double>(recorder_.dropped()));
  page.counter("cenote_events_unwritten_total", "Hits that the event file refused.",
               static_cast<double>(recorder_.unwritten()));
  page.counter("cenote_page_hits_dropped_total",
               "Blocks by what an answer led to that went before the page could no more be asked about them.",
               static_cast<double>(web_.indirect_dropped()));
  collect_faults(page, now.faults);
  for (const UpstreamStatus& upstream : now.upstreams) {
    const MetricsPage::Labels labels{{"zone", upstream.zone}, {"server", upstream.server}};
    page.counter("cenote_upstream_asked_total", "Attempts at an upstream.",
                 static_cast<double>(upstream.asked), labels);
    page.counter("cenote_upstream_timeouts_total", "Attempts without an answer in time.",
                 static_cast<double>(upstream.timed_out), labels);
    page.counter("cenote_upstream_bad_total", "Answers that were no good.", static_cast<double>(upstream.bad),
                 labels);
    page.gauge("cenote_upstream_up", "1 while the upstream answers.", upstream.is_down ? 0 : 1, labels);
  }
  page.gauge("cenote_state_losses", "What the start found missing or damaged in state_dir.",
             static_cast<double>(now.state.losses.size()));
  page.gauge("cenote_state_set_aside_files",
             "Files in state_dir that starts set aside for a person to look at.",
             static_cast<double>(now.state.set_aside));
  page.gauge("cenote_audit_waiting", "Entries of the record of changes that could not be written yet.",
             static_cast<double>(now.state.audit_waiting));
  for (const FeedStatus& feed : feeds()) {
    const MetricsPage::Labels labels{{"feed", feed.name}};
    page.gauge("cenote_feed_entries", "Entries of a feed in force.", static_cast<double>(feed.entries),
               labels);
    page.gauge("cenote_feed_last_success_seconds", "Unix time of a feed's last good update.",
               feed.last_success ? static_cast<double>(unix_seconds(*feed.last_success)) : 0, labels);
    page.gauge("cenote_feed_up", "1 when a feed's last update was good.", feed.last_error.empty() ? 1 : 0,
               labels);
  }
}

Explanation Backend::explain(const ExplainQuestion& question) const {
  Explanation explanation = cenote::explain(web_.policy(), question);
  if (question.address) {
    return explanation;  // nobody is asked for an address
  }
  workers_.front()->read_servers([&](const ServerPool& pool) {
    if (const auto zone = pool.zone_of(question.name)) {
      explanation.upstream_zone = pool.zone_name(*zone).to_text();
    }
  });
  return explanation;
}

std::vector<std::string> Backend::groups() const {
  std::vector<std::string> names;
  for (const GroupSettings& group : web_.policy().clients().groups()) {
    names.push_back(group.name);
  }
  return names;
}

Updater::Done Backend::on_web_loop(Done done) const {
  Updater::Done told = on_loop(web_.loop(), std::move(done));
  return [told = std::move(told)](ChangeResult result) {
    result.candidate.reset();
    told(std::move(result));
  };
}

void Backend::push(PushRequest request, bool with_traffic, Done done) {
  Updater::Done told = on_web_loop(std::move(done));
  if (request.dry_run && with_traffic) {
    told = [this, told = std::move(told)](ChangeResult result) {
      judge_traffic(result);
      told(std::move(result));
    };
  }
  updater_.push(std::move(request), std::move(told));
}

// A preview's last part: what people ask for, under the policy in force and under the one that would be. Some
// tenths of a second: on the updater's thread, which is behind everything else.
void Backend::judge_traffic(ChangeResult& result) const {
  if (!result.candidate) {
    return;
  }
  try {
    Traffic traffic;
    for (const auto& worker : workers_) {
      traffic.add(worker->recent_names().all());
    }
    HitQuery everything;
    everything.limit = SIZE_MAX;
    traffic.add(recorder_.history().find(everything));
    const Policy before = web_.copy_policy();
    Policy after(before.settings());
    after.adopt(std::move(result.candidate));
    result.traffic = traffic.compare(before, after, wall_now());
  } catch (const std::bad_alloc&) {
    log::error("no memory to compare a preview with what people ask for");
  }
}

void Backend::diff(uint64_t from, uint64_t to, Updater::DiffDone done) {
  updater_.diff(from, to, on_loop(web_.loop(), std::move(done)));
}
void Backend::export_set(ExportRequest request, Updater::ExportDone done) {
  updater_.export_set(std::move(request), on_loop(web_.loop(), std::move(done)));
}
void Backend::patch(PatchRequest request, Done done) {
  updater_.patch(std::move(request), on_web_loop(std::move(done)));
}
void Backend::refresh(std::string feed, Done done) {
  updater_.refresh(std::move(feed), on_web_loop(std::move(done)));
}
void Backend::rollback(uint64_t generation, std::string who, Done done) {
  updater_.rollback(generation, std::move(who), on_web_loop(std::move(done)));
}
void Backend::decide_held(HoldVerdict verdict, Done done) {
  updater_.decide_held(std::move(verdict), on_web_loop(std::move(done)));
}
void Backend::promote(std::string feed, bool force, std::string who, Done done) {
  updater_.promote(std::move(feed), force, std::move(who), on_web_loop(std::move(done)));
}
void Backend::add_indicator(SingleIndicator indicator, Done done) {
  updater_.add_indicator(std::move(indicator), on_web_loop(std::move(done)));
}
void Backend::remove_indicator(std::string feed, std::string name, std::string who, Done done) {
  updater_.remove_indicator(std::move(feed), std::move(name), std::move(who), on_web_loop(std::move(done)));
}
void Backend::add_exception(ExceptionSettings exception, std::string who, Done done) {
  updater_.add_exception(std::move(exception), std::move(who), on_web_loop(std::move(done)));
}
void Backend::remove_exception(std::string name, std::string who, Done done) {
  updater_.remove_exception(std::move(name), std::move(who), on_web_loop(std::move(done)));
}

}  // namespace cenote
