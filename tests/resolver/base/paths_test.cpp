#include "resolver/base/paths.h"

#include <cstdlib>
#include <optional>

#include <catch2/catch.hpp>

namespace cenote::paths_test {
namespace {

// A variable of the environment, as long as this lives.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) {
      before_ = before;
    }
    value == nullptr ? unsetenv(name) : setenv(name, value, 1);
  }
  ~Variable() { before_ ? setenv(name_, before_->c_str(), 1) : unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

}  // namespace

TEST_CASE("a person's state is below the home, and never where others may write", "[base][paths]") {
  {
    const Variable state("XDG_STATE_HOME", "/x/state");
    CHECK(user_state_dir() == "/x/state/cenote");
  }
  const Variable state("XDG_STATE_HOME", "relative");
  {
    const Variable home("HOME", "/x");
    CHECK(user_state_dir() == "/x/.local/state/cenote");
  }
  for (const char* none : {static_cast<const char*>(nullptr), "", "relative"}) {
    const Variable home("HOME", none);
    const std::string found = user_state_dir();
    CAPTURE(found);
    CHECK((found.ends_with("/.local/state/cenote") || found == "/var/lib/cenote"));
    CHECK(found.starts_with('/'));
    CHECK_FALSE(found.starts_with("/tmp"));
  }
}

}  // namespace cenote::paths_test
