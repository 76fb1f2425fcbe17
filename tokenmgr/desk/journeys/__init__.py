"""One file a journey: what a button of home's leads to, page by page. Each is handed the flow, and `begins`."""
