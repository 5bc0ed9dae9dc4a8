/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A port to copy: rename "template" to the name of your system throughout. */
#ifndef MOTE_PORT_TEMPLATE_H
#define MOTE_PORT_TEMPLATE_H

#include "mote.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The services of this system, for mote_node_config.port. Constant, valid for ever, never NULL. */
const mote_port *mote_port_template(void);

#ifdef __cplusplus
}
#endif

#endif
