#include "resolver/control/fields.h"

#include "resolver/base/text.h"

namespace cenote {

namespace {

void answer_change(const ControlCallRef& call, const ChangeResult& result) {
  if (result.accepted) {
    call->answer(to_json(result));
    return;
  }
  Json body{{"error", {{"code", result.held_change ? "held" : "refused"}, {"message", result.error}}}};
  body["result"] = to_json(result);
  call->answer(body, 422);
}

}  // namespace

ControlBackend::Done answer_with_result(const ControlCallRef& call) {
  return [call](const ChangeResult& result) { guarded(call, [&] { answer_change(call, result); }); };
}

std::optional<BodyObject> read_object(const ControlCallRef& call) {
  auto body = read_body(call->body());
  if (!body) {
    call->refuse(400, "bad_request", body.error().message);
    return std::nullopt;
  }
  return std::move(*body);
}

std::string Fields::text(const char* key, size_t most) {
  BodyValue value = take(key);
  if (std::holds_alternative<JsonNull>(value)) {
    return {};
  }
  auto* text = std::get_if<std::string>(&value);
  if (text == nullptr || text->size() > most) {
    fail(fmt::format("{}: a text of at most {} bytes", key, most));
    return {};
  }
  return std::move(*text);
}

bool Fields::flag(const char* key) {
  const BodyValue value = take(key);
  const bool* flag = std::get_if<bool>(&value);
  if (flag == nullptr && !std::holds_alternative<JsonNull>(value)) {
    fail(fmt::format("{}: true or false", key));
  }
  return flag != nullptr && *flag;
}

std::vector<std::string> Fields::texts(const char* key) {
  BodyValue value = take(key);
  if (std::holds_alternative<JsonNull>(value)) {
    return {};
  }
  auto* list = std::get_if<std::vector<std::string>>(&value);
  if (list == nullptr) {
    fail(fmt::format("{}: a list of texts", key));
    return {};
  }
  return std::move(*list);
}

std::optional<WallTime> Fields::end() {
  const std::string until = text("until");
  const std::string duration = text("for");
  WallTime time;
  milliseconds from_now{};
  if (!until.empty() && !duration.empty()) {
    fail("until, or for: not both");
  } else if (!until.empty()) {
    if (!parse_wall_time(until, time, true)) {
      fail("until: a time such as 2027-03-31 or 2027-03-31T18:00:00Z");
    } else if (time <= call_->now.wall) {
      fail(fmt::format("until: {} has passed already", to_rfc3339(time)));
    } else {
      return time;
    }
  } else if (!duration.empty()) {
    if (parse_duration(duration, from_now) && from_now > milliseconds{0}) {
      return call_->now.wall + from_now;
    }
    fail("for: a duration such as 1h or 7d");
  }
  return std::nullopt;
}

void Fields::require(const std::string& value, const char* key) {
  if (value.empty()) {
    fail(fmt::format("{}: is missing", key));
  }
}

bool Fields::finish() {
  if (ok_ && !body_.empty()) {
    fail(fmt::format("unknown key '{}'", printable(body_.begin()->first, 60)));
  }
  return ok_;
}

BodyValue Fields::take(const char* key) {
  const auto found = body_.find(key);
  if (!ok_ || found == body_.end()) {
    return {};
  }
  BodyValue value = std::move(found->second);
  body_.erase(found);
  return value;
}

void Fields::fail(std::string message) {
  if (ok_) {
    call_->refuse(400, "bad_request", std::move(message));
  }
  ok_ = false;
}

}  // namespace cenote
