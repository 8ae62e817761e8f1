"""Contracts between rooms: one suite for every engine, one for every application."""
