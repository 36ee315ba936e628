#include "ioc/state_json.h"

#include <algorithm>

namespace cenote {

nlohmann::json parse_state(std::string_view text) {
  using Json = nlohmann::json;
  bool is_whole = true;
  Json json = Json::parse(text, [&](int /*depth*/, Json::parse_event_t /*event*/, const Json& value) {
    is_whole &= !value.is_number_float();
    return true;
  });
  if (!is_whole) {
    constexpr int kId = 501;  // of the library's "other errors"
    throw nlohmann::detail::other_error::create(kId, "a number that is not whole", nullptr);
  }
  return json;
}

WallTime state_time(const nlohmann::json& json) {
  constexpr int64_t kLast = 253'402'300'799'999;
  return WallTime(milliseconds(std::clamp<int64_t>(json.get<int64_t>(), 0, kLast)));
}

}  // namespace cenote
