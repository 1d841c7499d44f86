"""Campaigns: efforts to win business."""
