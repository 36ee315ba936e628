// What a request wants: which kind of answer and which language (RFC 9110 section 12.5, W3C Fetch Metadata).
// Pure functions over headers that anybody may have written.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "resolver/net/http.h"

namespace cenote {

enum class Wanted : uint8_t {
  kPage,   // a person looks at it
  kJson,   // a script asks for it
  kImage,  // part of another page ...
  kScript,
  kStyle,
  kFont,
  kNothing,  // ... or a method that gets no body
};

Wanted what_is_wanted(const HttpRequest& request);

// The index of the tag ("ja", "pt-br") that suits an Accept-Language best; 0, the default, when none does.
size_t choose_language(std::string_view accept_language, std::span<const std::string> tags);

}  // namespace cenote
