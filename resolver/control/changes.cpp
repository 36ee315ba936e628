// The API's answers that change something: what is blocked, and what is excepted.
#include "resolver/base/text.h"
#include "resolver/control/call.h"

namespace cenote {
namespace {

// Later, from the updater: what the change did.
ControlBackend::Done answer_with_result(const ControlCallRef& call) {
  return [call](const ChangeResult& result) {
    if (result.accepted) {
      call->answer(to_json(result));
      return;
    }
    Json body{{"error", {{"code", "refused"}, {"message", result.error}}}};
    body["result"] = to_json(result);
    call->answer(body, 422);
  };
}

// The request's body as a JSON object; nullopt: it is none, and that was answered.
std::optional<Json> read_object(const ControlCallRef& call) {
  Json body = Json::parse(call->request.body, nullptr, false);
  if (!body.is_object()) {
    call->refuse(400, "bad_request", "the body is no JSON object");
    return std::nullopt;
  }
  return body;
}

// Takes typed values out of an object, so that what is left over was not meant for us. After the first
// mistake everything reads as absent and ok() is false; the mistake was answered.
class Fields {
 public:
  Fields(const ControlCallRef& call, Json body) : call_(call), body_(std::move(body)) {}

  std::string text(const char* key, size_t most = 500) {
    const Json value = take(key);
    if (value.is_null()) {
      return {};
    }
    if (!value.is_string() || value.get_ref<const std::string&>().size() > most) {
      fail(fmt::format("{}: a text of at most {} bytes", key, most));
      return {};
    }
    return value.get<std::string>();
  }
  bool flag(const char* key) {
    const Json value = take(key);
    if (!value.is_null() && !value.is_boolean()) {
      fail(fmt::format("{}: true or false", key));
    }
    return value.is_boolean() && value.get<bool>();
  }
  std::vector<std::string> texts(const char* key) {
    std::vector<std::string> list;
    const Json value = take(key);
    for (const Json& item : value.is_null() ? Json::array() : value) {
      if (!value.is_array() || !item.is_string()) {
        fail(fmt::format("{}: a list of texts", key));
        return {};
      }
      list.push_back(item.get<std::string>());
    }
    return list;
  }
  // "until", a point in time, or "for", a duration from now.
  std::optional<WallTime> end() {
    const std::string until = text("until");
    const std::string duration = text("for");
    WallTime time;
    milliseconds from_now{};
    if (!until.empty() && !duration.empty()) {
      fail("until, or for: not both");
    } else if (!until.empty()) {
      if (parse_wall_time(until, time, true)) {
        return time;
      }
      fail("until: a time such as 2027-03-31 or 2027-03-31T18:00:00Z");
    } else if (!duration.empty()) {
      if (parse_duration(duration, from_now) && from_now > milliseconds{0}) {
        return call_->now.wall + from_now;
      }
      fail("for: a duration such as 1h or 7d");
    }
    return std::nullopt;
  }
  void require(const std::string& value, const char* key) {
    if (value.empty()) {
      fail(fmt::format("{}: is missing", key));
    }
  }
  // Whether all went well and nothing is left that nobody asked for.
  bool finish() {
    if (ok_ && !body_.empty()) {
      fail(fmt::format("unknown key '{}'", printable(body_.begin().key(), 60)));
    }
    return ok_;
  }

 private:
  Json take(const char* key) {
    const auto found = body_.find(key);
    if (!ok_ || found == body_.end()) {
      return {};
    }
    Json value = std::move(*found);
    body_.erase(found);
    return value;
  }
  void fail(std::string message) {
    if (ok_) {
      call_->refuse(400, "bad_request", std::move(message));
    }
    ok_ = false;
  }

  const ControlCallRef& call_;
  Json body_;
  bool ok_ = true;
};

bool may_change(const ControlCallRef& call, const std::string& feed) {
  if (call->may(Right::kPush, feed)) {
    return true;
  }
  call->refuse(403, "forbidden",
               fmt::format("this token needs the scope push:{}, operate or admin", printable(feed, 62)));
  return false;
}

}  // namespace

void put_feed(const ControlCallRef& call) {
  const std::string& feed = call->captures[0];
  if (!is_known_feed(call, feed)) {
    return;
  }
  PushRequest push;
  push.feed = feed;
  push.body = std::move(call->request.body);
  push.format = call->request.parameter("format").value_or("");
  push.who = call->who();
  push.dry_run = call->request.parameter("dry_run").value_or("0") != "0";
  call->backend.push(std::move(push), answer_with_result(call));
}

void patch_feed(const ControlCallRef& call) {
  const std::string& feed = call->captures[0];
  if (!is_known_feed(call, feed)) {
    return;
  }
  if (auto body = read_object(call)) {
    Fields fields(call, std::move(*body));
    PatchRequest patch{feed, fields.texts("add"), fields.texts("remove"), call->who()};
    if (fields.finish()) {
      call->backend.patch(std::move(patch), answer_with_result(call));
    }
  }
}

void post_refresh(const ControlCallRef& call) {
  if (is_known_feed(call, call->captures[0])) {
    call->backend.refresh(call->captures[0], answer_with_result(call));
  }
}

void post_rollback(const ControlCallRef& call) {
  const auto wanted = parse_number(call->captures[0]);
  for (const GenerationRecord& generation : call->backend.generations()) {
    if (wanted && generation.number == *wanted) {
      call->backend.rollback(*wanted, call->who(), answer_with_result(call));
      return;
    }
  }
  call->refuse(404, "unknown_generation",
               fmt::format("there is no generation {} to go back to", printable(call->captures[0], 30)));
}

void post_exception(const ControlCallRef& call) {
  auto body = read_object(call);
  if (!body) {
    return;
  }
  Fields fields(call, std::move(*body));
  ExceptionSettings exception;
  exception.name = fields.text("name");
  exception.exact = fields.flag("exact");
  exception.reason = fields.text("reason");
  exception.until = fields.end();
  exception.client = fields.text("client");
  fields.require(exception.name, "name");
  fields.require(exception.reason, "reason");
  if (!fields.finish()) {
    return;
  }
  const auto name = name_or_refuse(call, "name", exception.name);
  if (!name || (!exception.client.empty() && !prefix_or_refuse(call, "client", exception.client))) {
    return;
  }
  exception.name = name->to_text();
  call->backend.add_exception(std::move(exception), call->who(), answer_with_result(call));
}

void delete_exception(const ControlCallRef& call) {
  if (const auto name = name_or_refuse(call, "name", call->captures[0])) {
    for (const ExceptionRecord& record : call->backend.exceptions()) {
      if (record.exception.name == name->to_text()) {
        call->backend.remove_exception(record.exception.name, call->who(), answer_with_result(call));
        return;
      }
    }
    call->refuse(404, "unknown_exception", fmt::format("there is no exception for {}", name->to_text()));
  }
}

void post_indicator(const ControlCallRef& call) {
  auto body = read_object(call);
  if (!body) {
    return;
  }
  Fields fields(call, std::move(*body));
  SingleIndicator indicator;
  indicator.name = fields.text("name");
  indicator.feed = fields.text("feed");
  indicator.category = fields.text("category", 30);
  indicator.reason = fields.text("reason");
  indicator.exact = fields.flag("exact");
  indicator.until = fields.end();
  indicator.who = call->who();
  indicator.added = call->now.wall;
  fields.require(indicator.name, "name");
  fields.require(indicator.feed, "feed");
  fields.require(indicator.reason, "reason");
  if (!fields.finish() || !may_change(call, indicator.feed) || !is_known_feed(call, indicator.feed)) {
    return;
  }
  call->backend.add_indicator(std::move(indicator), answer_with_result(call));
}

void delete_indicator(const ControlCallRef& call) {
  const std::string feed = call->request.parameter("feed").value_or("");
  if (feed.empty()) {
    call->refuse(400, "bad_request", "feed: is missing");
    return;
  }
  if (may_change(call, feed) && is_known_feed(call, feed)) {
    call->backend.remove_indicator(feed, call->captures[0], call->who(), answer_with_result(call));
  }
}

}  // namespace cenote
