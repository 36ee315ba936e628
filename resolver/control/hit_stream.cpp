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

}  // namespace

bool HitStreams::start(const HttpRequest& request, HttpResponder responder, HitQuery query,
                       const History& history, MonoTime now) {
  if (followers_.size() >= most_) {
    return false;
  }
  const bool is_sse = request.header("accept").find("text/event-stream") != std::string_view::npos;
  if (const auto last = parse_number(request.header("last-event-id"))) {
    query.after = *last;
  }
  if (query.after == 0 && !query.since) {
    query.after = history.last_number();
  }
  query.limit = kMostLines;
  responder.start({200,
                   {{"content-type", is_sse ? "text/event-stream" : "application/x-ndjson"},
                    {"cache-control", "no-store"},
                    {"x-accel-buffering", "no"}},  // nginx would hold the lines back
                   ""});
  followers_.push_back({std::move(responder), std::move(query), is_sse, now});
  send_new(followers_.back(), history, now);
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

void HitStreams::tick(const History& history, MonoTime now) {
  for (auto follower = followers_.begin(); follower != followers_.end();) {
    if (!follower->responder.is_open()) {
      follower = followers_.erase(follower);
      continue;
    }
    send_new(*follower, history, now);
    ++follower;
  }
}

void HitStreams::finish_all() {
  for (Follower& follower : followers_) {
    follower.responder.finish();
  }
  followers_.clear();
}

}  // namespace cenote
