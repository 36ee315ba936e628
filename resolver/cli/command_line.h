// The command line: arguments in, exit code out (0 done, 1 refused or not found, 2 usage). What runs the
// server and what reads a configuration comes from main, which knows those layers.
#pragma once

#include <functional>
#include <iosfwd>
#include <memory>
#include <string>

#include "resolver/base/result.h"
#include "resolver/cli/api_client.h"

namespace cenote {

struct Commands {
  std::function<int(const std::string& config)> serve;  // "": the embedded configuration
  std::function<int(const std::string& config, bool is_json)> check;
  // How to reach a server; tests put a fake here.
  std::function<Result<std::unique_ptr<ApiTransport>>(const ServerAddress&)> connect = connect_to;
};

int run_command_line(int argc, const char* const* argv, const Commands& commands);
// The same with its streams named.
int run_command_line(int argc, const char* const* argv, const Commands& commands, std::ostream& out,
                     std::ostream& err, bool has_colours);

}  // namespace cenote
