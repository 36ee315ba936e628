#include "resolver/control/fields.h"

#include "resolver/base/text.h"

namespace cenote {

ControlBackend::Done answer_with_result(const ControlCallRef& call) {
  return [call](const ChangeResult& result) {
    if (result.accepted) {
      call->answer(to_json(result));
      return;
    }
    Json body{{"error", {{"code", result.held_change ? "held" : "refused"}, {"message", result.error}}}};
    body["result"] = to_json(result);
    call->answer(body, 422);
  };
}

std::optional<Json> read_object(const ControlCallRef& call) {
  Json body = Json::parse(call->request.body, nullptr, false);
  if (!body.is_object()) {
    call->refuse(400, "bad_request", "the body is no JSON object");
    return std::nullopt;
  }
  return body;
}

std::string Fields::text(const char* key, size_t most) {
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

bool Fields::flag(const char* key) {
  const Json value = take(key);
  if (!value.is_null() && !value.is_boolean()) {
    fail(fmt::format("{}: true or false", key));
  }
  return value.is_boolean() && value.get<bool>();
}

std::vector<std::string> Fields::texts(const char* key) {
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
    fail(fmt::format("unknown key '{}'", printable(body_.begin().key(), 60)));
  }
  return ok_;
}

Json Fields::take(const char* key) {
  const auto found = body_.find(key);
  if (!ok_ || found == body_.end()) {
    return {};
  }
  Json value = std::move(*found);
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
