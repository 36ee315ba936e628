// The API's answers about what waits for a person, what people decided, and the record of all changes.
#include "resolver/base/text.h"
#include "resolver/control/call.h"
#include "resolver/control/fields.h"

namespace cenote {
namespace {

void decide(const ControlCallRef& call, bool releases) {
  const std::string& feed = call->captures[0];
  if (!is_known_feed(call, feed)) {
    return;
  }
  auto body = read_object(call);
  if (!body) {
    return;
  }
  Fields fields(call, std::move(*body));
  HoldVerdict verdict;
  verdict.feed = feed;
  verdict.releases = releases;
  verdict.names = fields.texts("names");
  verdict.all = fields.flag("all");
  verdict.change = fields.flag("change");
  verdict.reason = fields.text("reason");
  verdict.who = call->who();
  if (!fields.finish()) {
    return;
  }
  const int meant = (verdict.names.empty() ? 0 : 1) + (verdict.all ? 1 : 0) + (verdict.change ? 1 : 0);
  if (meant != 1) {
    call->refuse(400, "bad_request", "one of names, all and change must say what is meant");
    return;
  }
  call->backend.decide_held(std::move(verdict), answer_with_result(call));
}

}  // namespace

void get_held(const ControlCallRef& call) {
  const std::string feed = call->request.parameter("feed").value_or("");
  if (!feed.empty() && !is_known_feed(call, feed)) {
    return;
  }
  // What one feed may hold: a twentieth of a second. For more, ask for one feed after the other.
  constexpr size_t kMostEntries = 10'000;
  const Held held = call->backend.held();
  Json entries = Json::array();
  uint64_t left_out = 0;
  for (const Held::Entry& entry : held.entries) {
    if (!feed.empty() && entry.feed != feed) {
      continue;
    }
    if (entries.size() >= kMostEntries) {
      ++left_out;
      continue;
    }
    Json row = to_json(entry.row);
    row["feed"] = entry.feed;
    entries.push_back(std::move(row));
  }
  Json changes = Json::array();
  for (const HeldChange& change : held.changes) {
    if (feed.empty() || change.feed == feed) {
      changes.push_back(to_json(change));
    }
  }
  call->answer(
      Json{{"entries", std::move(entries)}, {"changes", std::move(changes)}, {"left_out", left_out}});
}

void post_release(const ControlCallRef& call) {
  decide(call, true);
}

void post_refusal(const ControlCallRef& call) {
  decide(call, false);
}

void post_promotion(const ControlCallRef& call) {
  const std::string& feed = call->captures[0];
  if (is_known_feed(call, feed)) {
    const bool force = call->request.parameter("force").value_or("0") != "0";
    call->backend.promote(feed, force, call->who(), answer_with_result(call));
  }
}

void get_audit(const ControlCallRef& call) {
  constexpr uint64_t kMostLines = 10'000;
  constexpr uint64_t kFewLines = 100;
  const auto limit =
      parse_number(call->request.parameter("limit").value_or(std::to_string(kFewLines)), kMostLines);
  const auto after = parse_number(call->request.parameter("after").value_or("0"));
  if (!limit || !after || *limit == 0) {
    call->refuse(400, "bad_request",
                 fmt::format("limit: a number from 1 to {}; after: a number", kMostLines));
    return;
  }
  const AuditLog::Page page = call->backend.audit(*after, *limit);
  // The lines as they are in the file, so that their hashes can be checked.
  std::string body = "{\"entries\":[";
  for (const std::string& line : page.lines) {
    body += (body.back() == '[' ? "" : ",\n") + line;
  }
  body += fmt::format("],\"last\":{},\"head\":\"{}\"}}\n", page.last, page.head);
  call->answer(HttpResponse::json(200, std::move(body)));
}

}  // namespace cenote
