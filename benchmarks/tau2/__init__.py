"""tau2-bench's airline, retail and telecom: customer service with tools, a policy and a user."""
