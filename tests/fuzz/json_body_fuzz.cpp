// Any bytes as a body of the control API: what is read is flat and within its bounds, whatever was sent.
#include "resolver/control/json_body.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace cenote;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto body = read_body(text);
  if (!body) {
    if (body.error().message.empty()) {
      __builtin_trap();  // people must be told what is wrong
    }
    return 0;
  }
  size_t texts = 0;
  size_t held = 0;
  for (const auto& [key, value] : *body) {
    held += key.size();
    if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
      texts += list->size();
      for (const std::string& one : *list) {
        held += one.size();
      }
    } else if (const auto* one = std::get_if<std::string>(&value)) {
      held += one->size();
    }
  }
  if (body->size() > kMostBodyKeys || texts > kMostBodyTexts || held > size) {
    __builtin_trap();  // an escape is longer than what it stands for
  }
  return 0;
}
