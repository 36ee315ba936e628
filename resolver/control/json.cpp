#include "resolver/control/json.h"

#include "resolver/dns/types.h"
#include "resolver/events/event_json.h"

namespace cenote {
namespace {

template <typename T>
Json list_of(const std::vector<T>& values) {
  Json list = Json::array();
  for (const T& value : values) {
    list.push_back(to_json(value));
  }
  return list;
}

Json time_or_null(const std::optional<WallTime>& time) {
  return time ? Json(to_rfc3339(*time)) : Json(nullptr);
}

Json unix_or_null(int64_t unix_time) {
  return unix_time == 0 ? Json(nullptr) : Json(to_rfc3339(WallTime(seconds{unix_time})));
}

// Whom an exception is for: both null for everybody.
void put_whom(Json& json, std::string_view client) {
  const std::string_view group = excepted_group(client);
  json["client"] = client.empty() || !group.empty() ? Json(nullptr) : Json(client);
  json["group"] = group.empty() ? Json(nullptr) : Json(group);
}

Json to_json(const SizeLimits& limits) {
  const auto percent = [](int limit) { return limit == 0 ? Json(nullptr) : Json(limit); };
  return {{"growth", percent(limits.growth)},
          {"shrink", percent(limits.shrink)},
          {"rejected", percent(limits.rejected)},
          {"most_new", limits.most_new == 0 ? Json(nullptr) : Json(limits.most_new)},
          {"learnt_from", limits.learnt_from}};
}

}  // namespace

Json to_json(const RejectRow& row) {
  Json json{{"line", row.line}, {"reason", row.reason}, {"held", row.held}, {"text", row.text}};
  if (!row.scope.empty()) {
    json["scope"] = row.scope;
    json["why"] = row.why;
  }
  return json;
}

Json to_json(const HeldChange& change) {
  return {{"feed", change.feed},       {"guard", change.guard},
          {"why", change.why},         {"what", change.what},
          {"who", change.who},         {"time", to_rfc3339(change.time)},
          {"entries", change.entries}, {"entries_before", change.entries_before}};
}

Json to_json(const ChangeResult& result) {
  Json json{
      {"generation", result.generation},         {"added", result.added},       {"removed", result.removed},
      {"unchanged", result.unchanged},           {"rejected", result.rejected}, {"held", result.held},
      {"rejects", list_of(result.first_rejects)}};
  if (!result.first_added.empty() || !result.first_removed.empty()) {
    json["first_added"] = result.first_added;
    json["first_removed"] = result.first_removed;
  }
  if (!result.traffic.empty()) {
    json["traffic"] = list_of(result.traffic);
  }
  if (result.held_change) {
    json["held_change"] = to_json(*result.held_change);
  }
  return json;
}

Json to_json(const FeedDelta& delta) {
  return {{"feed", delta.feed},
          {"added", delta.added},
          {"removed", delta.removed},
          {"unchanged", delta.unchanged},
          {"first_added", delta.first_added},
          {"first_removed", delta.first_removed}};
}

Json to_json(const TrafficChange& change) {
  return {{"name", change.name},
          {"before", to_text(change.before)},
          {"after", to_text(change.after)},
          {"clients", change.clients}};
}

Json to_json(const FeedStatus& feed) {
  return {{"name", feed.name},
          {"source", feed.source},
          {"format", feed.format},
          {"category", feed.category},
          {"action", to_text(feed.action)},
          {"entries", feed.entries},
          {"rejected", feed.rejected},
          {"held", feed.held},
          {"generation", feed.generation},
          {"last_success", time_or_null(feed.last_success)},
          {"last_attempt", time_or_null(feed.last_attempt)},
          {"error", feed.last_error.empty() ? Json(nullptr) : Json(feed.last_error)},
          {"who", feed.who},
          {"trial_end", time_or_null(feed.trial_end)},
          {"limits", to_json(feed.limits)}};
}

Json to_json(const GenerationRecord& generation) {
  return {{"generation", generation.number}, {"time", to_rfc3339(generation.made)},
          {"what", generation.what},         {"who", generation.who},
          {"names", generation.names},       {"addresses", generation.addresses},
          {"current", generation.current},   {"can_roll_back", generation.can_roll_back}};
}

Json to_json(const ExceptionRecord& record) {
  const ExceptionSettings& exception = record.exception;
  Json json{{"name", exception.name},
            {"exact", exception.exact},
            {"reason", exception.reason},
            {"until", time_or_null(exception.until)}};
  put_whom(json, exception.client);
  json["who"] = record.who;
  json["added"] = to_rfc3339(record.added);
  return json;
}

Json to_json(const SingleIndicator& indicator) {
  return {{"feed", indicator.feed},
          {"name", indicator.name},
          {"exact", indicator.exact},
          {"category", indicator.category.empty() ? Json(nullptr) : Json(indicator.category)},
          {"reason", indicator.reason},
          {"until", time_or_null(indicator.until)},
          {"who", indicator.who},
          {"added", to_rfc3339(indicator.added)}};
}

Json to_json(const UpstreamStatus& upstream) {
  return {{"zone", upstream.zone},         {"server", upstream.server},
          {"down", upstream.is_down},      {"asked", upstream.asked},
          {"answered", upstream.answered}, {"timed_out", upstream.timed_out},
          {"bad", upstream.bad},           {"round_trip_ms", upstream.round_trip.count()}};
}

Json to_json(const ServerStatus& status, WallTime now) {
  return {{"version", CENOTE_VERSION},
          {"started", to_rfc3339(status.started)},
          {"uptime_seconds", unix_seconds(now) - unix_seconds(status.started)},
          {"generation", status.generation},
          {"names", status.names},
          {"addresses", status.addresses},
          {"snapshot_bytes", status.snapshot_bytes},
          {"workers", status.workers},
          {"listeners", status.listeners},
          {"queries",
           {{"received", status.queries},
            {"blocked", status.blocked},
            {"monitored", status.monitored},
            {"cached", status.cached},
            {"forwarded", status.forwarded},
            {"upstream_failures", status.upstream_failures}}},
          {"cache", {{"entries", status.cache_entries}, {"bytes", status.cache_bytes}}},
          {"events_dropped", status.events_dropped},
          {"state",
           {{"losses", status.state.losses},
            {"set_aside", status.state.set_aside},
            {"audit_waiting", status.state.audit_waiting}}},
          {"upstreams", list_of(status.upstreams)},
          {"faults", list_of(status.faults)}};
}

Json to_json(const Fault& fault) {
  return {{"part", to_text(fault.part)}, {"off", fault.is_off}, {"why", fault.why}};
}

Json to_json(const ExplainStep& step) {
  Json json{{"feed", step.feed},
            {"indicator", step.indicator},
            {"scope", to_text(step.scope)},
            {"category", step.category},
            {"feed_action", to_text(step.feed_action)},
            {"action", to_text(step.action)},
            {"fate", step.fate},
            {"confidence", step.confidence},
            {"threat", step.threat},
            {"reference", step.reference},
            {"note", step.note},
            {"valid_from", unix_or_null(step.valid_from)},
            {"valid_until", unix_or_null(step.valid_until)}};
  put_whom(json, step.excepted);
  return json;
}

Json to_json(const Explanation& explanation) {
  const Verdict& verdict = explanation.verdict;
  const ExplainQuestion& question = explanation.question;
  Json json{{"name", question.address ? question.address->to_text() : question.name.to_text()},
            {"type", type_text(explanation.question.type)},
            {"client", explanation.question.client.to_text()},
            {"client_name", question.client_name.empty() ? Json(nullptr) : Json(question.client_name)},
            {"by_certificate", question.has_certificate},
            {"may_ask", explanation.may_ask},
            {"group", explanation.group.empty() ? Json(nullptr) : Json(explanation.group)},
            {"verdict", to_text(verdict.action)},
            {"generation", explanation.generation}};
  if (verdict.match != MatchKind::kNone) {
    json["match"] = {{"kind", to_text(verdict.match)},      {"indicator", matched_by(explanation)},
                     {"scope", to_text(verdict.scope)},     {"feed", verdict.feed.view()},
                     {"category", verdict.category.view()}, {"confidence", verdict.confidence},
                     {"threat", verdict.threat.view()},     {"reference", verdict.reference.view()}};
  }
  json["steps"] = list_of(explanation.steps);
  json["upstream_zone"] = explanation.upstream_zone.empty() ? Json(nullptr) : Json(explanation.upstream_zone);
  return json;
}

Json to_json(const History::Found& incident) {
  const NumberedEvent& newest = incident.newest;
  return {{"incident", newest.event.incident.to_text().view()},
          {"first", to_rfc3339(incident.first)},
          {"last", to_rfc3339(newest.event.time)},
          {"hits", incident.hits},
          {"newest", Json::parse(hit_line(newest), nullptr, false)}};
}

std::string hit_line(const NumberedEvent& hit) {
  return fmt::format(R"({{"number":{},{})", hit.number, to_json_line(hit.event).substr(1));
}

std::string to_text(const Json& json) {
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace cenote
