#include "resolver/cli/answer.h"

#include <array>
#include <ctime>

#include "resolver/base/clock.h"
#include "resolver/base/text.h"

namespace cenote {

Json parse_answer(std::string_view text) {
  constexpr int kDeepest = 32;
  struct TooDeep {};
  try {
    return Json::parse(
        text,
        [](int depth, Json::parse_event_t /*event*/, const Json& /*value*/) {
          return depth <= kDeepest ? true : throw TooDeep();
        },
        false);
  } catch (const TooDeep&) {
    return Json(Json::value_t::discarded);
  }
}

std::string error_of(const ApiResponse& response) {
  const Json body = parse_answer(response.body);
  if (body.is_object() && body.contains("error")) {
    if (const std::string message = text_of(body["error"], "message"); !message.empty()) {
      return message;
    }
  }
  if (response.status == 413) {
    return "the server takes no body of this size from this sender; is the token right?";
  }
  return fmt::format("the server answered {} {}", response.status, printable(trim(response.body), 200));
}

namespace {

// The answer to show; nullopt: it is an error, which is shown (with --json as it came).
std::optional<Json> good_answer(const CommandContext& context, const Result<ApiResponse>& response) {
  if (!response) {
    context.output.error(response.error().message);
    return std::nullopt;
  }
  const bool is_good = response->status >= 200 && response->status < 300;
  Json body = parse_answer(response->body);
  if (is_good && body.is_object()) {
    return body;
  }
  if (context.is_json) {
    context.output.raw(response->body);
  } else {
    context.output.error(is_good ? "the server's answer is no JSON object" : error_of(*response));
  }
  return std::nullopt;
}

}  // namespace

int ask(const CommandContext& context, const ApiRequest& request,
        const std::function<void(const Json&)>& show, const std::function<bool(const Json&)>& is_found) {
  const auto response = context.api.exchange(request);
  const auto body = good_answer(context, response);
  if (!body) {
    return 1;
  }
  if (context.is_json) {
    context.output.raw(response->body);
  } else {
    show(*body);
  }
  return !is_found || is_found(*body) ? 0 : 1;
}

int ask_all(const CommandContext& context, const std::string& path, const char* key,
            const std::function<void(const Json&)>& show) {
  Json all = Json::array();
  std::string after;
  while (true) {
    const auto page =
        good_answer(context, context.api.exchange({"GET", path + query_string({{"after", after}}), "", {}}));
    if (!page) {
      return 1;
    }
    for (const Json& one : list_of(*page, key)) {
      all.push_back(one);
    }
    std::string next = text_of(*page, "next");
    if (next <= after) {  // places grow, so this ends
      break;
    }
    after = std::move(next);
  }
  const Json body{{key, std::move(all)}};
  if (context.is_json) {
    context.output.raw(body.dump() + "\n");
  } else {
    show(body);
  }
  return 0;
}

std::string text_of(const Json& object, const char* key) {
  if (!object.is_object()) {
    return "";
  }
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

uint64_t number_of(const Json& object, const char* key) {
  if (!object.is_object()) {
    return 0;
  }
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
}

bool flag_of(const Json& object, const char* key) {
  if (!object.is_object()) {
    return false;
  }
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

const Json& list_of(const Json& object, const char* key) {
  static const Json kEmpty = Json::array();
  if (!object.is_object()) {
    return kEmpty;
  }
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? *found : kEmpty;
}

std::string local_time(const std::string& rfc3339) {
  WallTime time;
  if (!parse_wall_time(rfc3339, time)) {
    return "-";
  }
  const std::time_t unix_time = unix_seconds(time);
  std::tm parts{};
  std::array<char, 32> text{};
  localtime_r(&unix_time, &parts);
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return text.data();
}

std::string whom_of(const Json& exception) {
  const std::string group = text_of(exception, "group");
  return group.empty() ? text_of(exception, "client") : "group " + group;
}

std::string query_string(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string query;
  for (const auto& [key, value] : parameters) {
    if (!value.empty()) {
      query += (query.empty() ? "?" : "&") + key + "=" + percent_encoded(value);
    }
  }
  return query;
}

}  // namespace cenote
