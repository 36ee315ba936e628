// "auto": which format a feed is in, by the first kilobytes of its text. No state, no side effects.
#pragma once

#include <string_view>

namespace cenote {

constexpr size_t kRecogniseBytes = 64 * 1024;  // enough to see past any banner

// Whether the text begins as an HTML page: the error page of a server that answered 200.
bool looks_like_html(std::string_view head) noexcept;
// The name of a format; "plain" when nothing speaks for another. `whole` when `head` is all there is.
std::string_view recognise_format(std::string_view head);

}  // namespace cenote
