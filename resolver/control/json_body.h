// A JSON body from outside, read in one bounded pass. The API's bodies are flat: one object whose values are
// texts, true or false, numbers, or lists of texts. Anything deeper is refused where it begins, before memory
// is spent on it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "resolver/base/result.h"

namespace cenote {

struct JsonNull {};
struct JsonOther {};  // a number: nothing here takes one
using BodyValue = std::variant<JsonNull, bool, std::string, std::vector<std::string>, JsonOther>;
using BodyObject = std::map<std::string, BodyValue>;

// The largest real body is a change of a feed; more than this is a list, which is pushed as one. The
// worst body of this size, one text that does not end, takes 0.1 s of the web thread and five times its
// memory.
constexpr size_t kMostBodyBytes = 4U << 20;
constexpr size_t kMostBodyTexts = 100'000;
constexpr size_t kMostBodyKeys = 32;

// The error says for people what is wrong with it.
Result<BodyObject> read_body(std::string_view text);

}  // namespace cenote
