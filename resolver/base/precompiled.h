// What most sources read, compiled once a build: the standard's headers and fmt's. No source may count on it;
// each includes what it uses.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

// libfmt exports it, and its header does not say so: each source of ours would compile the whole formatter
// anew, a fifth of all code that a build makes. (clang gives it another name than the one in the library.)
#ifndef __clang__
extern template void fmt::detail::vformat_to(fmt::detail::buffer<char>&, fmt::string_view, fmt::format_args,
                                             fmt::detail::locale_ref);
#endif
