#include "resolver/control/readiness.h"

#include <algorithm>

#include "resolver/control/call.h"

namespace cenote {
namespace {

// One failed download is tried again long before the next is due; three in a row are no accident.
constexpr int kMostIntervals = 3;

std::string why_stale(const FeedStatus& feed, WallTime now) {
  if (feed.source == "push") {
    return {};
  }
  const std::string error = feed.last_error.empty() ? "" : ": " + feed.last_error;
  if (!feed.last_success) {
    return "never came" + error;
  }
  if (feed.source.starts_with("file:")) {  // looked at all the time: a file that stays the same is not old
    return feed.last_error;
  }
  const auto age = std::chrono::duration_cast<seconds>(now - *feed.last_success);
  return age > kMostIntervals * feed.refresh ? fmt::format("last came {} ago, and is due every {}{}",
                                                           to_text(age), to_text(feed.refresh), error)
                                             : std::string();
}

Json policy_of(const ControlCallRef& call, const std::vector<std::string>& why) {
  Json policy{{"ready", why.empty()}, {"generation", nullptr}, {"age_seconds", nullptr}, {"why", why}};
  for (const GenerationRecord& record : call->backend.generations()) {
    if (record.current) {
      policy["generation"] = record.number;
      const auto age = std::chrono::duration_cast<seconds>(call->now.wall - record.made);
      policy["age_seconds"] = std::max<int64_t>(0, age.count());
    }
  }
  return policy;
}

}  // namespace

std::vector<StaleFeed> stale_feeds(const std::vector<FeedStatus>& feeds, WallTime now) {
  std::vector<StaleFeed> stale;
  for (const FeedStatus& feed : feeds) {
    if (std::string why = why_stale(feed, now); !why.empty()) {
      stale.push_back({feed.name, std::move(why)});
    }
  }
  return stale;
}

// A feed that is late does not take DNS away: what came before still protects, and whoever is sent elsewhere
// may find the same feed late there. Who wants it otherwise asks with policy=fresh.
void get_readiness(const ControlCallRef& call) {
  const std::string wanted = call->request.parameter("policy").value_or("in_force");
  if (wanted != "in_force" && wanted != "fresh") {
    call->refuse(400, "bad_request", "policy: in_force or fresh");
    return;
  }
  Unready unready = call->backend.unready();
  Json stale = Json::array();
  for (const StaleFeed& feed : stale_feeds(call->backend.feeds(), call->now.wall)) {
    stale.push_back({{"feed", feed.name}, {"why", feed.why}});
    if (wanted == "fresh") {
      unready.policy.push_back("feed " + feed.name + " " + feed.why);
    }
  }
  const bool is_ready = unready.resolution.empty() && unready.policy.empty();
  call->answer(Json{{"ready", is_ready},
                    {"resolution", {{"ready", unready.resolution.empty()}, {"why", unready.resolution}}},
                    {"policy", policy_of(call, unready.policy)},
                    {"stale_feeds", std::move(stale)}},
               is_ready ? 200 : 503);
}

}  // namespace cenote
