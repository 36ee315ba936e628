#include "resolver/control/hit_stream.h"

#include <algorithm>

#include "resolver/base/text.h"
#include "resolver/control/json.h"

namespace cenote {
namespace {

// Often enough for proxies that cut silent connections after 30 s or more, and to notice a client that has
// gone.
constexpr seconds kKeepAlive{15};
// In one turn: about half of what the server lets pile up for a slow reader. In a flood, or looking far back,
// the newest are sent, and the gap shows in their numbers.
constexpr size_t kMostLines = 1000;
// To all of them together, at 3 us a line: a sixteenth of the web thread's time. Each gets its part.
constexpr size_t kMostLinesInAll = 2000;

bool wants_events(const HttpRequest& request) {
  return request.header("accept").find("text/event-stream") != std::string_view::npos;
}

}  // namespace

HttpHeaders HitStreams::headers(const HttpRequest& request) {
  return {{"content-type", wants_events(request) ? "text/event-stream" : "application/x-ndjson"},
          {"cache-control", "no-store"},
          {"x-accel-buffering", "no"}};  // nginx would hold the lines back
}

bool HitStreams::start(const HttpRequest& request, HttpResponder responder, HitQuery query,
                       const History& history, Asked asked) {
  Places::Ref place = is_over_ ? nullptr : places_.take(asked.by ? asked.by->name : "local");
  if (place == nullptr) {
    return false;
  }
  if (const auto last = parse_number(request.header("last-event-id"))) {
    query.after = *last;
  }
  if (query.after == 0 && !query.since) {
    query.after = history.last_number();
  }
  query.limit = kMostLines;
  responder.start({200, headers(request), ""});
  Follower& follower =
      followers_.emplace_back(Follower{std::move(responder), std::move(query), wants_events(request),
                                       asked.at, std::move(asked.by), std::move(place)});
  send_new(follower, history, asked.at);
  return true;
}

void HitStreams::send_new(Follower& follower, const History& history, MonoTime now) {
  std::string lines;
  // What does not match is not looked at twice.
  const uint64_t seen = history.last_number();
  for (const NumberedEvent& hit : history.find(follower.query)) {
    lines += follower.is_sse ? fmt::format("id: {}\ndata: {}\n\n", hit.number, hit_line(hit))
                             : hit_line(hit) + "\n";
    follower.query.after = hit.number;
  }
  follower.query.after = std::max(follower.query.after, seen);
  if (lines.empty() && now - follower.last_write >= kKeepAlive) {
    lines = follower.is_sse ? ":\n\n" : "\n";  // a comment; an empty line
  }
  if (!lines.empty()) {
    follower.responder.write(std::move(lines));
    follower.last_write = now;
  }
}

void HitStreams::tick(const History& history, MonoTime now, const May& may) {
  const size_t most = std::min(kMostLines, kMostLinesInAll / std::max<size_t>(followers_.size(), 1));
  for (auto follower = followers_.begin(); follower != followers_.end();) {
    const bool is_allowed = !follower->token || may(*follower->token);
    if (follower->responder.is_open() && is_allowed) {
      follower->query.limit = most;
      send_new(*follower, history, now);
      ++follower;
      continue;
    }
    // Out of the list before its end: that makes the connection go on, perhaps with a request for here.
    Follower gone = std::move(*follower);
    follower = followers_.erase(follower);
    gone.place.reset();
    gone.responder.finish();
  }
}

void HitStreams::finish_all() {
  is_over_ = true;
  std::list<Follower> followers;
  followers.swap(followers_);
  for (Follower& follower : followers) {
    follower.responder.finish();
  }
}

}  // namespace cenote
