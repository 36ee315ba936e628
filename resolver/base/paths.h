// Where files live when nobody says: one answer for the server and for the command line that looks for it.
#pragma once

#include <string>

namespace cenote {

// The state folder of a person who runs Cenote without a configuration: $XDG_STATE_HOME/cenote, else
// ~/.local/state/cenote (without $HOME: of the home that the system knows), else (no home: a container)
// /var/lib/cenote.
std::string user_state_dir();

// The control socket to try first: $CENOTE_SOCKET, else the service's /run/cenote/control.sock if it is
// there, else that of a server run by this user without a configuration.
std::string default_control_socket();

}  // namespace cenote
