// Where the real feeds are that some tests read in place: CENOTE_FEEDS, or a folder beside the project.
#pragma once

#include <filesystem>
#include <optional>

namespace cenote::test {

// nullopt where there are none: the test says so and skips.
std::optional<std::filesystem::path> feeds_folder();

}  // namespace cenote::test
